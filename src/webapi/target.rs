//! Which function a request means, and the URL that answers repeat.

use super::functions::{Function, VERSION};
use super::request::Request;

/// The longest URL that is repeated.
const URL_LENGTH: usize = 2_000;

/// The function that a target such as `/abc1de2/api/csvexport/version/v1` means; `None` if there is no such function or
/// it is of another account.
pub(super) fn route(target: &str, account: &str) -> Option<&'static Function> {
    let path = path_of(target).split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.strip_prefix('/')?.split('/');
    let mut next = || segments.next().unwrap_or_default();
    let found = next();
    let (group, name, version, number) = (next(), next(), next(), next());
    // One slash at the end is what some URL builders add.
    let ended = matches!((segments.next(), segments.next()), (None, _) | (Some(""), None));
    let fits = found == account && version == "version" && number == VERSION && ended;
    Function::find(group, name).filter(|_| fits)
}

/// A target without scheme and host, if it has them.
fn path_of(target: &str) -> &str {
    match absolute(target) {
        Some((_, path)) => path,
        None => target,
    }
}

/// Host and rest of a target that is a whole URL.
fn absolute(target: &str) -> Option<(&str, &str)> {
    let scheme = target
        .find("://")
        .filter(|at| target[..*at].eq_ignore_ascii_case("http") || target[..*at].eq_ignore_ascii_case("https"))?;
    let rest = &target[scheme + 3..];
    let path = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(rest.split_at(path))
}

/// The URL that was called. It says `http` also where the call was encrypted, as clients are used to.
pub(super) fn url(request: &Request<'_>) -> String {
    let (host, path) = match absolute(&request.target) {
        Some((host, path)) => (host.to_owned(), path),
        None => {
            let host = request.header_value("host").unwrap_or_default().trim_ascii();
            (String::from_utf8_lossy(&host[..host.len().min(255)]).into_owned(), request.target.as_ref())
        }
    };
    let host = if host.is_empty() { "localhost" } else { &host };
    let mut url = format!("http://{host}{path}");
    if url.len() > URL_LENGTH {
        let end = (0..=URL_LENGTH).rev().find(|at| url.is_char_boundary(*at)).unwrap_or(0);
        url.truncate(end);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_functions_are_found() {
        for function in super::super::functions::FUNCTIONS {
            let path = format!("/abc1de2/{}/{}/version/v1", function.group, function.name);
            for target in
                [path.clone(), format!("{path}/"), format!("{path}?a=b/c"), format!("https://db.example.test{path}")]
            {
                let found = route(&target, "abc1de2").map(|found| found.name);
                assert_eq!(found, Some(function.name), "{target}");
            }
        }
    }

    #[test]
    fn others_are_not() {
        for target in [
            "",
            "/",
            "*",
            "/abc1de2",
            "/abc1de2/api/regist/version/v1",
            "/abc1de2/apirecord/csvexport/version/v1",
            "/abc1de2/apirecord/get/version/v1",
            "/abc1de2/api/apirecord/view/version/v1",
            "/other/apirecord/view/version/v1",
            "//abc1de2/apirecord/view/version/v1",
            "/abc1de2//apirecord/view/version/v1",
            "/abc1de2/apirecord/view/version/v2",
            "/abc1de2/apirecord/view/version",
            "/abc1de2/apirecord/view/version/v1/x",
            "/abc1de2/apirecord/view/version/v1//",
            "/abc1de2/apirecord/../apirecord/view/version/v1",
            "/abc1de2/apirecord/%76iew/version/v1",
            "/abc1de2/apirecord/view/version/v1%00",
            "/ABC1DE2/apirecord/view/version/v1",
            "abc1de2/apirecord/view/version/v1",
            "ftp://h/abc1de2/apirecord/view/version/v1",
        ] {
            assert!(route(target, "abc1de2").is_none(), "{target}");
        }
    }

    #[test]
    fn the_url_is_the_one_called_with_http() {
        let url_of =
            |target: &str, host: &[u8]| url(&Request::new("POST", target.to_owned()).owned_header("HOST", host));
        assert_eq!(url_of("/a/api/x", b"db.example.test:8443"), "http://db.example.test:8443/a/api/x");
        assert_eq!(url_of("https://h.test/a?q=1", b"other"), "http://h.test/a?q=1");
        assert_eq!(url(&Request::new("POST", "/a")), "http://localhost/a");
        assert!(url_of("/a", b"\xff\xfe").starts_with("http://\u{fffd}"));
        assert_eq!(url_of(&format!("/{}", "あ".repeat(10_000)), b"h").len(), 1_998);
    }
}
