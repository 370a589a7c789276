//! Pickles written by hand: functions by name, arguments as one text.

use bytes::{BufMut as _, Bytes, BytesMut};

/// A function that an import finds.
pub(crate) fn function(module: &str, name: &str) -> Bytes {
    Bytes::from(format!("c{module}\n{name}\n."))
}

/// `((text,), {})`.
pub(crate) fn args(text: &str) -> Bytes {
    let mut out = BytesMut::from(&b"\x80\x04X"[..]);
    out.put_u32_le(u32::try_from(text.len()).expect("short"));
    out.put_slice(text.as_bytes());
    // TUPLE1, EMPTY_DICT, TUPLE2, STOP.
    out.put_slice(b"\x85}\x86.");
    out.freeze()
}

/// Whether a pickled text ends with `text`: enough to know a result.
pub(crate) fn holds(pickle: &[u8], text: &str) -> bool {
    pickle.windows(text.len()).any(|w| w == text.as_bytes())
}
