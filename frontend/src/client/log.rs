//! The log of a container, read as it is written.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, TextDecodeOptions, TextDecoder};

use super::http::{self, RequestError};

/// Which log to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// The log of the container's previous run, which has ended.
    pub previous: bool,
}

impl LogRequest {
    fn path(&self) -> String {
        let LogRequest { namespace, pod, container, previous } = self;
        let how = if *previous { "previous=true" } else { "follow=true" };
        format!("/api/v1/namespaces/{namespace}/pods/{pod}/log?container={container}&tailLines=1000&{how}")
    }
}

/// Reads a log and tells its text piece by piece, until it ends.
pub async fn follow(request: &LogRequest, tell: impl Fn(String)) -> Result<(), RequestError> {
    let answer = http::open(&request.path()).await?;
    let Some(body) = &answer.body else { return Ok(()) };
    read_all(body.get_reader().unchecked_into(), tell).await.map_err(|_| RequestError::Unreachable)
}

async fn read_all(reader: ReadableStreamDefaultReader, tell: impl Fn(String)) -> Result<(), JsValue> {
    let decoder = TextDecoder::new()?;
    let options = TextDecodeOptions::new();
    options.set_stream(true);
    loop {
        let result = JsFuture::from(reader.read()).await?;
        if js_sys::Reflect::get(&result, &"done".into())?.is_truthy() {
            return Ok(());
        }
        let chunk = js_sys::Reflect::get(&result, &"value".into())?;
        tell(decoder.decode_with_buffer_source_and_options(chunk.unchecked_ref(), &options)?);
    }
}
