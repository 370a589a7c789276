//! The frames between worker and runner. The runner's side is untrusted: a job can write to its
//! socket, so whatever does not read as the protocol says is an error, never a panic.

use crate::{
    job::{Job, Pickle, Spec},
    view::View,
};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use picloud_types::{Failure, Stream, Usage, result_form::ResultForm};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};

/// Longest frame either side accepts.
pub(crate) const FRAME_MAX_BYTES: usize = 16 << 20;

const INLINE: u8 = 0;
const FILE: u8 = 2;

/// What a runner wrote cannot be meant.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum BadFrame {
    #[error("it wrote a frame of {0} bytes, more than {FRAME_MAX_BYTES}")]
    TooLong(usize),
    #[error("it wrote an empty frame")]
    Empty,
    #[error("it wrote a frame of the unknown kind {0:?}")]
    Kind(char),
    #[error("it wrote a frame that is cut short")]
    Short,
    #[error("it wrote a frame whose JSON does not read: {0}")]
    Json(String),
    #[error("it said again that it is ready")]
    Again,
    #[error("it answered for job {0}, which it was not given or had answered before")]
    Job(i64),
}

/// Takes the next whole frame off the front of `buffer`.
pub(crate) fn next_frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, BadFrame> {
    let Some(length) = buffer.first_chunk::<4>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length) as usize;
    if length > FRAME_MAX_BYTES {
        return Err(BadFrame::TooLong(length));
    }
    if length == 0 {
        return Err(BadFrame::Empty);
    }
    if buffer.len() < 4 + length {
        // One allocation for a long frame instead of many doublings.
        buffer.reserve(4 + length - buffer.len());
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(length).freeze()))
}

fn frame(out: &mut BytesMut, kind: u8, length: usize) {
    // A length beyond u32 cannot come about: what is long travels as a file.
    out.put_u32(u32::try_from(1 + length).unwrap_or(u32::MAX));
    out.put_u8(kind);
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("frames have a JSON form")
}

/// A frame that is a kind and JSON.
pub(crate) fn put_json<T: Serialize>(out: &mut BytesMut, kind: u8, value: &T) {
    let json = json(value);
    frame(out, kind, json.len());
    out.put_slice(&json);
}

/// A frame that is only its kind.
pub(crate) fn put_kind(out: &mut BytesMut, kind: u8) {
    frame(out, kind, 0);
}

/// `S`: what holds for all jobs of the process.
#[derive(Debug, Serialize)]
pub(crate) struct SetUp<'a> {
    /// Variables set in addition to the zygote's.
    pub(crate) env: &'a std::collections::BTreeMap<String, String>,
    pub(crate) account: i64,
    pub(crate) server_url: &'a str,
    pub(crate) result_limit: u64,
    pub(crate) inline_limit: u64,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) disk_limit: Option<u64>,
    pub(crate) open_files_limit: Option<u32>,
    /// For the pilog of every job.
    pub(crate) pilog: Option<&'a str>,
}

#[derive(Serialize)]
struct FunctionOptions<'a> {
    function_name: &'a str,
    profile: bool,
    kill_process: bool,
    fast_serialization: u8,
    /// How results are written down, where not as pickles.
    #[serde(skip_serializing_if = "ResultForm::is_default")]
    result: ResultForm,
}

/// What stands for a pickle in a frame: itself, or where the process finds it.
fn pickle_parts<'p>(pickle: &'p Pickle, view: &View) -> (u8, Cow<'p, [u8]>) {
    match pickle {
        Pickle::Bytes(bytes) => (INLINE, Cow::Borrowed(bytes)),
        Pickle::File(blob) => {
            let path = view.inside(blob.path()).into_os_string();
            (FILE, Cow::Owned(path.into_encoded_bytes()))
        }
    }
}

/// `F`: a function, once per process.
pub(crate) fn put_function(out: &mut BytesMut, spec: &Spec, view: &View) {
    let options = json(&FunctionOptions {
        function_name: &spec.spec.function_name,
        profile: spec.spec.profile,
        kill_process: spec.spec.kill_process,
        fast_serialization: spec.spec.fast_serialization,
        result: spec.spec.result,
    });
    let (kind, pickle) = pickle_parts(&spec.function, view);
    frame(out, b'F', 8 + 4 + options.len() + 1 + pickle.len());
    out.put_i64(spec.id.0);
    out.put_u32(u32::try_from(options.len()).unwrap_or(u32::MAX));
    out.put_slice(&options);
    out.put_u8(kind);
    out.put_slice(&pickle);
}

/// `J`: a job.
pub(crate) fn put_job(out: &mut BytesMut, job: &Job, view: &View) {
    let token = job.token.as_bytes();
    let (kind, pickle) = pickle_parts(&job.args, view);
    frame(out, b'J', 8 + 4 + 8 + 2 + token.len() + 1 + pickle.len());
    out.put_i64(job.of.jid.0);
    out.put_u32(job.of.attempt.0);
    out.put_i64(job.spec.id.0);
    out.put_u16(u16::try_from(token.len()).unwrap_or(u16::MAX));
    out.put_slice(token);
    out.put_u8(kind);
    out.put_slice(&pickle);
}

/// `C`: these must not go on.
pub(crate) fn put_cancel(out: &mut BytesMut, jids: &[i64]) {
    frame(out, b'C', 8 * jids.len());
    for jid in jids {
        out.put_i64(*jid);
    }
}

/// How the runner says a job went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Done,
    Failed,
    Skipped,
    Interrupted,
}

/// A result or pickled exception as the runner hands it over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Bytes(Bytes),
    File(PathBuf),
}

/// What may come with an answer.
#[derive(Debug, Default, PartialEq, Deserialize)]
pub(crate) struct Remarks {
    #[serde(default)]
    pub(crate) failure: Option<Failure>,
    #[serde(default)]
    pub(crate) profile: Option<String>,
}

/// `X`.
#[derive(Debug, PartialEq)]
pub(crate) struct Finished {
    pub(crate) jid: i64,
    pub(crate) status: Status,
    /// The process ends after this job.
    pub(crate) ends: bool,
    /// The process waits for `D`: its pipes hold bytes of this job.
    pub(crate) drain: bool,
    pub(crate) usage: Usage,
    pub(crate) remarks: Remarks,
    pub(crate) answer: Answer,
}

/// What an executor says.
#[derive(Debug, PartialEq)]
pub(crate) enum FromExecutor {
    Ready,
    Output {
        jid: i64,
        stream: Stream,
        bytes: Bytes,
    },
    Finished(Box<Finished>),
}

/// Reads one frame of an executor.
pub(crate) fn read_executor(mut frame: Bytes) -> Result<FromExecutor, BadFrame> {
    let kind = frame.try_get_u8().map_err(|_| BadFrame::Empty)?;
    let stream = match kind {
        b'R' => return Ok(FromExecutor::Ready),
        b'X' => return read_finished(frame).map(|f| FromExecutor::Finished(Box::new(f))),
        b'O' => Stream::Stdout,
        b'E' => Stream::Stderr,
        b'L' => Stream::Logging,
        b'P' => Stream::Pilog,
        b'Y' => Stream::Syslog,
        other => return Err(BadFrame::Kind(char::from(other))),
    };
    let jid = frame.try_get_i64().map_err(|_| BadFrame::Short)?;
    Ok(FromExecutor::Output {
        jid,
        stream,
        bytes: frame,
    })
}

fn read_finished(mut frame: Bytes) -> Result<Finished, BadFrame> {
    const HEAD: usize = 8 + 1 + 1 + 7 * 8 + 4;
    if frame.len() <= HEAD {
        return Err(BadFrame::Short);
    }
    let jid = frame.get_i64();
    let status = match frame.get_u8() {
        0 => Status::Done,
        1 => Status::Failed,
        2 => Status::Skipped,
        3 => Status::Interrupted,
        _ => return Err(BadFrame::Short),
    };
    let flags = frame.get_u8();
    let usage = Usage {
        runtime_us: frame.get_u64(),
        cpu_user_us: frame.get_u64(),
        cpu_system_us: frame.get_u64(),
        memory_peak_bytes: frame.get_u64(),
        memory_failures: frame.get_u64(),
        disk_read_bytes: frame.get_u64(),
        disk_write_bytes: frame.get_u64(),
        ..Usage::default()
    };
    let length = frame.get_u32() as usize;
    if length >= frame.len() {
        return Err(BadFrame::Short);
    }
    let json = frame.split_to(length);
    let remarks = match length {
        0 => Remarks::default(),
        _ => serde_json::from_slice(&json).map_err(|e| BadFrame::Json(e.to_string()))?,
    };
    let answer = match frame.get_u8() {
        INLINE => Answer::Bytes(frame),
        FILE => Answer::File(PathBuf::from(OsString::from_vec(frame.to_vec()))),
        _ => return Err(BadFrame::Short),
    };
    Ok(Finished {
        jid,
        status,
        ends: flags & 1 != 0,
        drain: flags & 2 != 0,
        usage,
        remarks,
        answer,
    })
}

/// `F` on the control socket: fork an executor.
#[derive(Debug, Serialize)]
pub(crate) struct ForkRequest<'a> {
    pub(crate) id: u64,
    pub(crate) cwd: &'a str,
    pub(crate) code_path: Option<&'a str>,
    pub(crate) scratch: &'a str,
    /// Descriptors of control groups that follow the first three.
    pub(crate) groups: usize,
    pub(crate) limits: ForkLimits,
    pub(crate) cores: u32,
    pub(crate) sandbox: Option<ForkSandbox<'a>>,
}

/// Limits of each single process.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct ForkLimits {
    pub(crate) open_files: Option<u32>,
    pub(crate) file_bytes: Option<u64>,
    pub(crate) data_bytes: Option<u64>,
}

/// The sandbox a fork is to enter.
#[derive(Debug, Serialize)]
pub(crate) struct ForkSandbox<'a> {
    /// In the order of the descriptors that follow those of the groups.
    pub(crate) namespaces: &'a [&'static str],
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// `C` on the control socket: what holds for all forks.
#[derive(Debug, Serialize)]
pub(crate) struct ZygoteSetUp<'a> {
    /// base64 of programs.
    pub(crate) seccomp: &'a [String],
}

/// `R` on the control socket.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ZygoteReady {
    pub(crate) version: String,
    pub(crate) full_version: String,
    pub(crate) executable: String,
    /// Where the interpreter and what it imports are.
    #[serde(default)]
    pub(crate) software: Vec<PathBuf>,
}

/// `S`, `E` and `!` on the control socket, told apart by their kind.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ForkNews {
    pub(crate) id: u64,
    #[serde(default)]
    pub(crate) pid: Option<i32>,
    #[serde(default)]
    pub(crate) code: Option<i32>,
    #[serde(default)]
    pub(crate) signal: Option<i32>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) syslog: Option<String>,
}

/// Reads the JSON of a control frame.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, BadFrame> {
    serde_json::from_slice(body).map_err(|e| BadFrame::Json(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An `X` frame as a runner writes it.
    fn finished(jid: i64, status: u8, flags: u8, json: &str, payload: &[u8]) -> BytesMut {
        let mut body = BytesMut::new();
        body.put_i64(jid);
        body.put_u8(status);
        body.put_u8(flags);
        for usage in [10, 20, 30, 40, 50, 60, 70] {
            body.put_u64(usage);
        }
        body.put_u32(u32::try_from(json.len()).expect("short"));
        body.put_slice(json.as_bytes());
        body.put_slice(payload);
        let mut out = BytesMut::new();
        frame(&mut out, b'X', body.len());
        out.put_slice(&body);
        out
    }

    #[test]
    fn an_answer_reads_as_it_was_written() {
        let mut buffer = finished(7, 1, 3, r#"{"profile": "p"}"#, b"\0pickle");
        let frame = next_frame(&mut buffer).expect("valid").expect("whole");
        let FromExecutor::Finished(answer) = read_executor(frame).expect("valid") else {
            panic!("an X frame is an answer");
        };
        assert_eq!((answer.jid, answer.status), (7, Status::Failed));
        assert!(answer.ends && answer.drain);
        let usage = answer.usage;
        assert_eq!(
            (
                usage.cpu_user_us,
                usage.memory_peak_bytes,
                usage.disk_write_bytes
            ),
            (20, 40, 70)
        );
        assert_eq!(answer.remarks.profile.as_deref(), Some("p"));
        assert_eq!(answer.answer, Answer::Bytes(Bytes::from_static(b"pickle")));
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_file_answer_names_its_path() {
        let mut buffer = finished(7, 0, 0, "", b"\x02/tmp/r");
        let frame = next_frame(&mut buffer).expect("valid").expect("whole");
        match read_executor(frame).expect("valid") {
            FromExecutor::Finished(f) => assert_eq!(f.answer, Answer::File("/tmp/r".into())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_frame_waits_for_its_last_byte() {
        let whole = finished(7, 0, 0, "", b"\0x");
        for end in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..end]);
            assert_eq!(next_frame(&mut part), Ok(None), "{end} bytes");
        }
    }

    #[test]
    fn what_no_runner_writes_is_an_error() {
        let long = (FRAME_MAX_BYTES as u32 + 1).to_be_bytes();
        assert_eq!(
            next_frame(&mut BytesMut::from(&long[..])),
            Err(BadFrame::TooLong(FRAME_MAX_BYTES + 1))
        );
        assert_eq!(
            next_frame(&mut BytesMut::from(&[0; 4][..])),
            Err(BadFrame::Empty)
        );
        for bad in [
            &b"Z"[..],
            b"X",
            b"O123",
            &finished(1, 9, 0, "", b"\0")[4..],
            &finished(1, 0, 0, "", b"")[4..],
            &finished(1, 0, 0, "", b"\x05")[4..],
            &finished(1, 0, 0, "{", b"\0")[4..],
        ] {
            assert!(
                read_executor(Bytes::copy_from_slice(bad)).is_err(),
                "{bad:?}"
            );
        }
    }
}
