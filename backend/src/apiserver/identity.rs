//! Who asks: the page by its door, everyone else by a client certificate or by the token of a service account.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::api::status;
use shared::apiserver::audit::ResponseStatus;
use shared::apiserver::user::{Caller, MASTERS, User};

use super::reply::Failure;
use super::{Context, audit};

/// The name under which the page's requests stand in the audit.
pub(super) const PAGE_USER: &str = "kijabi:page";

/// Which door a request came through.
#[derive(Clone, Debug)]
pub enum Door {
    /// Plain HTTP on the loopback interface: the page. The authorities (`host:port`) that it
    /// answers to are given, so that no other site and no rebound name gets in.
    Page {
        /// The values of `Host` that are let in.
        authorities: Arc<[String]>,
    },
    /// TLS: whoever proves who they are.
    Secure,
}

/// The user that a client certificate names: its common name, in the groups of its organizations
/// (`pkg/authentication/request/x509` of kubernetes/apiserver).
#[derive(Clone, Debug)]
pub(super) struct Certified(pub(super) Option<User>);

/// Finds out who asks and hands it on as [`Caller`]; 401 and 403 end here.
pub(super) async fn authenticate(
    State((door, context)): State<(Door, Context)>,
    mut request: Request,
    next: Next,
) -> Response {
    let user = match &door {
        Door::Page { authorities } => match foreign(request.headers(), authorities) {
            Some(why) => return refuse_foreign(&why),
            None => Some(User::new(PAGE_USER, &[MASTERS])),
        },
        Door::Secure => {
            match request.extensions().get::<Certified>().and_then(|certified| certified.0.clone()) {
                Some(user) => Some(user),
                None => of_token(&context, request.headers()).await,
            }
        }
    };
    let known = user.is_some();
    let caller = Caller {
        user: user.unwrap_or_else(|| User::default()),
        user_agent: text(request.headers(), header::USER_AGENT).to_owned(),
        source_ip: peer(request.extensions()),
    };
    if !known {
        let refused = status::unauthorized();
        audit::open(&context, &caller, &request).refused(ResponseStatus::from(&refused));
        return Failure::from(refused).into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The user whose bearer token the headers have
/// (`pkg/authentication/request/bearertoken` of kubernetes/apiserver).
async fn of_token(context: &Context, headers: &HeaderMap) -> Option<User> {
    let (scheme, token) = text(headers, header::AUTHORIZATION).trim().split_once(' ')?;
    match scheme.eq_ignore_ascii_case("bearer") {
        true => context.server.user_of_token(token.trim()).await,
        false => None,
    }
}

fn peer(extensions: &Extensions) -> String {
    let info = extensions.get::<ConnectInfo<SocketAddr>>();
    info.map(|ConnectInfo(address)| address.ip().to_string()).unwrap_or_default()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Why a request to the page's door comes from elsewhere: a name that was rebound to the loopback
/// address has a foreign `Host`, another site's script a foreign `Origin`.
fn foreign(headers: &HeaderMap, authorities: &[String]) -> Option<String> {
    let host = text(headers, header::HOST);
    if !authorities.iter().any(|own| own == host) {
        return Some(format!("Host {host:?} is not this cluster's address"));
    }
    let origin = text(headers, header::ORIGIN);
    let own =
        origin.strip_prefix("http://").is_some_and(|origin| authorities.iter().any(|own| own == origin));
    if !origin.is_empty() && !own {
        return Some(format!("Origin {origin:?} is not this cluster's page"));
    }
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or("none");
    let navigates = text(headers, header::HeaderName::from_static("sec-fetch-mode")) == "navigate";
    let crossing = !matches!(site, "same-origin" | "none") && !navigates;
    crossing.then(|| format!("requests of another site ({site}) are not answered"))
}

fn refuse_foreign(why: &str) -> Response {
    let nothing = shared::api::scheme::GroupResource { group: "", resource: "" };
    Failure::from(status::forbidden(nothing, "", why)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_page_itself_should_get_in() {
        let authorities = ["127.0.0.1:8080".to_owned(), "localhost:8080".to_owned()];
        let cases: [(&[(&'static str, &str)], bool); 7] = [
            (&[("host", "127.0.0.1:8080")], true),
            (&[("host", "localhost:8080"), ("origin", "http://localhost:8080")], true),
            (&[("host", "evil.example:8080")], false),
            (&[("host", "127.0.0.1:8080"), ("origin", "http://evil.example")], false),
            (&[("host", "127.0.0.1:8080"), ("origin", "null")], false),
            (
                &[
                    ("host", "127.0.0.1:8080"),
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "no-cors"),
                ],
                false,
            ),
            (
                &[
                    ("host", "127.0.0.1:8080"),
                    ("sec-fetch-site", "cross-site"),
                    ("sec-fetch-mode", "navigate"),
                ],
                true,
            ),
        ];
        for (fields, welcome) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(foreign(&headers, &authorities).is_none(), welcome, "{fields:?}");
        }
    }
}
