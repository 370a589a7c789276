//! What a job's profile is, as it was sent: a text for people, or that text with the numbers behind it.

use picloud_types::api::info::ProfileCalls;
use serde::Deserialize;

/// Most functions of a profile that is told as data, and most calls of one by another. Jobs write their profiles, so
/// there may be anything in them.
const FUNCTIONS_MAX: usize = 20_000;
const EDGES_MAX: usize = 100_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithCalls {
    text: String,
    calls: ProfileCalls,
}

/// The text and the data. What does not read as both is a text.
pub(super) fn split(profile: String) -> (Option<String>, Option<ProfileCalls>) {
    let read = serde_json::from_str(&profile).ok();
    match read.filter(|read: &WithCalls| is_sound(&read.calls)) {
        Some(WithCalls { text, calls }) => (Some(text), Some(calls)),
        None => (Some(profile), None),
    }
}

/// Whether it is not too large, and every call is one of a function in it.
fn is_sound(calls: &ProfileCalls) -> bool {
    let count = calls.functions.len();
    let is_there = |place: u32| (place as usize) < count;
    count <= FUNCTIONS_MAX
        && calls.edges.len() <= EDGES_MAX
        && calls
            .edges
            .iter()
            .all(|edge| is_there(edge.caller) && is_there(edge.callee))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: &str = r#"{"file":"a.py","line":1,"name":"f","calls":2,"primitive_calls":1,"own_s":0.5,"total_s":1.5}"#;

    fn profile(functions: usize, callee: u32) -> String {
        let functions = vec![FUNCTION; functions].join(",");
        format!(
            r#"{{"text":"two lines","calls":{{"functions":[{functions}],"edges":[{{"caller":0,"callee":{callee},"calls":1,"own_s":0.1,"total_s":0.2}}]}}}}"#
        )
    }

    #[test]
    fn text_and_data_are_told_apart() {
        let (text, calls) = split(profile(2, 1));
        assert_eq!(text.as_deref(), Some("two lines"));
        let calls = calls.expect("data");
        assert_eq!((calls.functions.len(), calls.functions[1].calls), (2, 2));
        assert_eq!((calls.edges[0].callee, calls.edges[0].total_s), (1, 0.2));
    }

    #[test]
    fn what_is_not_both_is_text_as_it_is() {
        let large = profile(FUNCTIONS_MAX + 1, 0);
        for odd in [
            "   ncalls  tottime",
            "{}",
            "7",
            r#"{"text":"x"}"#,
            &profile(1, 1),
            &large,
        ] {
            let (text, calls) = split(String::from(odd));
            assert_eq!(text.as_deref(), Some(odd));
            assert_eq!(calls, None);
        }
    }
}
