//! Messages as JSON, for people and other languages.

use base64::{Engine, engine::general_purpose::STANDARD};
use picloud_types::{
    Payload, Timestamp,
    api::queues::MessageJson,
    message::{Body, Delivered, MessageKind},
};
use serde_json::Value;

pub(super) fn message_json(
    message: Delivered,
    with_ticket: bool,
    visible_at: Option<Timestamp>,
) -> MessageJson {
    let ticket = with_ticket.then(|| format!("{}-{}", message.id, message.deliveries));
    MessageJson {
        id: message.id,
        ticket,
        datatype: message.body.kind.name().to_owned(),
        size_bytes: message.body.payload.size(),
        message: shown(message.body),
        cur_retry: message.cur_retry,
        deliveries: message.deliveries,
        created: message.created,
        visible_at,
        error: message.error.and_then(|e| serde_json::from_str(&e).ok()),
    }
}

fn shown(body: Body) -> Option<Value> {
    let Payload::Inline(bytes) = body.payload else {
        return None;
    };
    Some(match body.kind {
        MessageKind::Pickle => Value::String(STANDARD.encode(&bytes)),
        // Python's JSON has a few words that others have not, such as NaN: then the text is shown.
        MessageKind::Json => serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use picloud_types::Hash;
    use serde_json::json;

    fn form(kind: MessageKind, payload: Payload) -> MessageJson {
        let message = Delivered {
            id: 7,
            deliveries: 2,
            cur_retry: 1,
            max_retries: None,
            created: Timestamp(5),
            error: None,
            body: Body { kind, payload },
        };
        message_json(message, true, None)
    }

    #[test]
    fn json_is_shown_as_it_is_and_pickles_as_base64() {
        let inline = |text: &'static str| Payload::Inline(text.into());
        let shown = form(MessageKind::Json, inline("{\"a\": 1}"));
        assert_eq!(shown.message, Some(json!({"a": 1})));
        assert_eq!(
            (shown.ticket.as_deref(), shown.size_bytes),
            (Some("7-2"), 8)
        );
        let shown = form(MessageKind::Json, inline("NaN"));
        assert_eq!(shown.message, Some(json!("NaN")));
        let shown = form(MessageKind::Pickle, inline("abc"));
        assert_eq!(shown.message, Some(json!("YWJj")));
        assert_eq!(shown.datatype, "python_pickle");
        let large = Payload::Blob {
            hash: Hash::of(b""),
            size: 100_000,
        };
        let shown = form(MessageKind::Json, large);
        assert_eq!((shown.message, shown.size_bytes), (None, 100_000));
    }
}
