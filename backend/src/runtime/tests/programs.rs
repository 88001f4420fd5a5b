//! What becomes a program.

use bytes::Bytes;

use crate::runtime::testing::{Cluster, component, module};
use crate::runtime::{CompileError, Runtime, RuntimeOptions, precompile_for};

#[tokio::test]
async fn a_wasi_module_should_run_as_a_component_does() {
    let cluster = Cluster::with(module()).await;
    for (arguments, code, log) in
        [("print out err", 0, "out\nerr\n"), ("exit 3", 3, ""), ("recurse", 139, "")]
    {
        let (status, text) = cluster.run(arguments).await;
        assert_eq!((status.code, text.as_str()), (code, log), "{arguments}: {}", status.message);
    }
}

#[tokio::test]
async fn what_is_no_program_should_be_refused_with_a_reason() {
    let cluster = Cluster::new().await;
    let empty_module = Bytes::from_static(b"\0asm\x01\0\0\0");
    for (bytes, is_wasm) in
        [(Bytes::from_static(b"#!/bin/sh"), false), (Bytes::new(), false), (empty_module, true)]
    {
        let error = cluster.runtime.compile(bytes).await.map(drop).unwrap_err();
        assert_eq!(matches!(error, CompileError::Unsupported(_)), is_wasm, "{error}");
        assert_eq!(matches!(error, CompileError::Invalid(_)), !is_wasm, "{error}");
    }
}

#[tokio::test]
async fn a_program_compiled_for_any_processor_should_load_and_others_not() {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let compiled: &'static [u8] = precompile_for(&target, &component()).unwrap().leak();
    let runtime = Runtime::new(RuntimeOptions::default()).unwrap();
    assert!(runtime.load_precompiled(compiled).is_ok());
    assert!(runtime.load_precompiled(b"not machine code").is_err());
}

#[tokio::test]
async fn a_broken_cache_file_should_be_compiled_anew() {
    let directory = tempfile::tempdir().unwrap();
    let options = || RuntimeOptions { cache_dir: Some(directory.path().into()), ..RuntimeOptions::default() };
    Runtime::new(options()).unwrap().compile(component()).await.unwrap();
    let files: Vec<_> = directory.path().read_dir().unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    std::fs::write(&files[0], "broken").unwrap();
    Runtime::new(options()).unwrap().compile(component()).await.unwrap();
    assert!(std::fs::metadata(&files[0]).unwrap().len() > 1000);
}
