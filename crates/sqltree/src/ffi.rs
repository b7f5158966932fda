//! The only unsafe code of the project: calling libpg_query, and owning what it returns.
//!
//! The declarations follow `libpg_query/pg_query.h` of the `pg_query` crate. Its own `parse` is not
//! used because it decodes the whole tree into structs (six times the memory) and refuses chains of
//! about fifty operators, a limit of the decoder and not of PostgreSQL.
#![expect(unsafe_code, reason = "a C library is called here, and nowhere else")]

use std::ffi::{CStr, CString, c_char, c_int};
use std::ops::Range;
use std::ptr;

// Keeps the crate in the link, and with it the static C library that its build script makes.
use pg_query as _;

use crate::ParseError;

/// `PgQueryError`.
#[repr(C)]
struct RawError {
    message: *mut c_char,
    funcname: *mut c_char,
    filename: *mut c_char,
    lineno: c_int,
    cursorpos: c_int,
    context: *mut c_char,
}

/// `PgQueryProtobuf`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawBytes {
    len: usize,
    data: *mut c_char,
}

/// `PgQueryProtobufParseResult`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawResult {
    parse_tree: RawBytes,
    stderr_buffer: *mut c_char,
    error: *mut RawError,
}

/// `PgQueryScanToken`.
#[repr(C)]
struct RawToken {
    start: c_int,
    end: c_int,
    token: c_int,
    keyword_kind: c_int,
}

/// `PgQueryScanTokensResult`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawTokens {
    tokens: *mut RawToken,
    count: c_int,
    error: *mut RawError,
}

unsafe extern "C" {
    fn pg_query_scan_tokens(input: *const c_char) -> RawTokens;
    fn pg_query_free_scan_tokens_result(result: RawTokens);
    fn pg_query_parse_protobuf(input: *const c_char) -> RawResult;
    fn pg_query_free_protobuf_parse_result(result: RawResult);
}

/// What the C library allocated for one parse; freed on drop.
#[derive(Debug)]
pub(crate) struct Parsed {
    data: ptr::NonNull<u8>,
    len: usize,
    stderr_buffer: *mut c_char,
}

impl Parsed {
    /// The serialized tree.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `data` points to `len` bytes that the C library allocated and nobody writes to; they
        // live until `drop`.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }
}

impl Drop for Parsed {
    fn drop(&mut self) {
        let parse_tree = RawBytes { len: self.len, data: self.data.as_ptr().cast() };
        let result = RawResult { parse_tree, stderr_buffer: self.stderr_buffer, error: ptr::null_mut() };
        // SAFETY: these are the pointers of one result of the C library, given back once.
        unsafe { pg_query_free_protobuf_parse_result(result) }
    }
}

fn terminated(text: &str) -> Result<CString, ParseError> {
    CString::new(text).map_err(|nul| ParseError {
        message: "a statement cannot hold a NUL byte".into(),
        cursor_position: u32::try_from(nul.nul_position()).map_or(0, |at| at.saturating_add(1)),
    })
}

/// Calls the scanner alone: numbers of the tokens, with where they are.
pub(crate) fn tokens(text: &str) -> Result<Vec<(c_int, Range<usize>)>, ParseError> {
    let text = terminated(text)?;
    // SAFETY: `text` is NUL-terminated and outlives the call. The library keeps its state per thread
    // and returns errors as values: nothing unwinds or jumps out of the call.
    let result = unsafe { pg_query_scan_tokens(text.as_ptr()) };
    let tokens = if result.error.is_null() {
        let raw: &[RawToken] = match usize::try_from(result.count) {
            // SAFETY: without an error `tokens` points to `count` tokens, that nobody writes to; they are
            // not used after the result is freed below.
            Ok(count) if !result.tokens.is_null() => unsafe {
                std::slice::from_raw_parts(result.tokens, count)
            },
            _ => &[],
        };
        let offset = |at: c_int| usize::try_from(at).unwrap_or(0);
        Ok(raw.iter().map(|raw| (raw.token, offset(raw.start)..offset(raw.end))).collect())
    } else {
        // SAFETY: the error is valid until the result is freed below.
        Err(unsafe { read_error(result.error) })
    };
    // SAFETY: the result is given back once and not used again.
    unsafe { pg_query_free_scan_tokens_result(result) };
    tokens
}

/// Calls the parser.
pub(crate) fn parse(text: &str) -> Result<Parsed, ParseError> {
    let text = terminated(text)?;
    // SAFETY: `text` is NUL-terminated and outlives the call. The library keeps its state per thread
    // and returns errors as values: nothing unwinds or jumps out of the call.
    let result = unsafe { pg_query_parse_protobuf(text.as_ptr()) };
    if result.error.is_null()
        && let Some(data) = ptr::NonNull::new(result.parse_tree.data.cast())
    {
        return Ok(Parsed { data, len: result.parse_tree.len, stderr_buffer: result.stderr_buffer });
    }
    // SAFETY: the error, if there is one, is valid until the result is freed below.
    let error = unsafe { read_error(result.error) };
    // SAFETY: the result is given back once and not used again.
    unsafe { pg_query_free_protobuf_parse_result(result) };
    Err(error)
}

/// Copies an error out of the C library's memory.
///
/// # Safety
/// `error` is null, or points to a valid `PgQueryError`.
unsafe fn read_error(error: *const RawError) -> ParseError {
    // SAFETY: the caller promises validity or null.
    let Some(error) = (unsafe { error.as_ref() }) else {
        return ParseError { message: "the parser gave no result".into(), cursor_position: 0 };
    };
    let message = if error.message.is_null() {
        "the parser gave no message".into()
    } else {
        // SAFETY: a message that is not null is a NUL-terminated string.
        unsafe { CStr::from_ptr(error.message) }.to_string_lossy().into_owned()
    };
    ParseError { message, cursor_position: u32::try_from(error.cursorpos).unwrap_or(0) }
}
