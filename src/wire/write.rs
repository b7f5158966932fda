//! Messages the proxy writes itself, appended to a buffer.

use crate::error::{Report, Severity};

/// Appends one frame whose body `fill` writes.
pub fn frame(out: &mut Vec<u8>, tag: u8, fill: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    fill(out);
    // What the proxy writes is bounded by what it accepts, far below 2 GiB.
    let length = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// A text with the zero byte at its end; those within it, which would end it, are left out.
pub fn put_cstr(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().filter(|&&b| b != 0));
    out.push(0);
}

/// ErrorResponse.
pub fn error(out: &mut Vec<u8>, report: &dyn Report) {
    error_with_severity(out, report, report.severity());
}

/// ErrorResponse, with another severity than the report's own.
pub fn error_with_severity(out: &mut Vec<u8>, report: &dyn Report, severity: Severity) {
    frame(out, b'E', |out| {
        let mut field = |code: u8, value: &str| {
            out.push(code);
            put_cstr(out, value.as_bytes());
        };
        field(b'S', severity.as_str());
        field(b'V', severity.as_str());
        field(b'C', report.sqlstate().0);
        field(b'M', &report.client_message());
        if let Some(detail) = report.detail() {
            field(b'D', &detail);
        }
        if let Some(hint) = report.hint() {
            field(b'H', &hint);
        }
        if let Some(position) = report.position() {
            field(b'P', &position.to_string());
        }
        if let Some(routine) = report.routine() {
            field(b'R', routine);
        }
        out.push(0);
    });
}

/// ErrorResponse with the fields of another, but for its primary message.
pub fn error_with_message(out: &mut Vec<u8>, fields: &[(u8, &[u8])], message: &str) {
    frame(out, b'E', |out| {
        for (code, value) in fields {
            out.push(*code);
            put_cstr(out, if *code == b'M' { message.as_bytes() } else { value });
        }
        out.push(0);
    });
}

/// ReadyForQuery with a transaction status byte.
pub fn ready_for_query(out: &mut Vec<u8>, status: u8) {
    frame(out, b'Z', |out| out.push(status));
}

/// CommandComplete of DEALLOCATE.
pub const DEALLOCATE_COMPLETE: [u8; 16] = *b"C\0\0\0\x0fDEALLOCATE\0";
/// CloseComplete.
pub const CLOSE_COMPLETE: [u8; 5] = [b'3', 0, 0, 0, 4];
/// ParseComplete.
pub const PARSE_COMPLETE: [u8; 5] = [b'1', 0, 0, 0, 4];
/// Terminate.
pub const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

/// ParameterStatus.
pub fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    frame(out, b'S', |out| {
        put_cstr(out, name.as_bytes());
        put_cstr(out, value.as_bytes());
    });
}

/// NotificationResponse.
pub fn notification(out: &mut Vec<u8>, pid: i32, channel: &str, payload: &str) {
    frame(out, b'A', |out| {
        out.extend_from_slice(&pid.to_be_bytes());
        put_cstr(out, channel.as_bytes());
        put_cstr(out, payload.as_bytes());
    });
}

/// BackendKeyData.
pub fn backend_key_data(out: &mut Vec<u8>, pid: i32, key: &[u8]) {
    frame(out, b'K', |out| {
        out.extend_from_slice(&pid.to_be_bytes());
        out.extend_from_slice(key);
    });
}

/// NegotiateProtocolVersion: the newest minor version spoken, and the options not known.
pub fn negotiate_protocol_version(out: &mut Vec<u8>, minor: u16, unknown: &[&str]) {
    frame(out, b'v', |out| {
        out.extend_from_slice(&(0x0003_0000_u32 | u32::from(minor)).to_be_bytes());
        // A startup packet of 10,000 bytes cannot hold more options than fit.
        out.extend_from_slice(&u32::try_from(unknown.len()).unwrap_or(0).to_be_bytes());
        for name in unknown {
            put_cstr(out, name.as_bytes());
        }
    });
}

/// AuthenticationOk.
pub fn authentication_ok(out: &mut Vec<u8>) {
    frame(out, b'R', |out| out.extend_from_slice(&0_i32.to_be_bytes()));
}

/// AuthenticationCleartextPassword.
pub fn authentication_cleartext_password(out: &mut Vec<u8>) {
    frame(out, b'R', |out| out.extend_from_slice(&3_i32.to_be_bytes()));
}

/// AuthenticationSASL with the mechanisms offered.
pub fn authentication_sasl(out: &mut Vec<u8>, mechanisms: &[&str]) {
    frame(out, b'R', |out| {
        out.extend_from_slice(&10_i32.to_be_bytes());
        for mechanism in mechanisms {
            put_cstr(out, mechanism.as_bytes());
        }
        out.push(0);
    });
}

/// AuthenticationSASLContinue.
pub fn authentication_sasl_continue(out: &mut Vec<u8>, data: &[u8]) {
    sasl_data(out, 11, data);
}

/// AuthenticationSASLFinal.
pub fn authentication_sasl_final(out: &mut Vec<u8>, data: &[u8]) {
    sasl_data(out, 12, data);
}

fn sasl_data(out: &mut Vec<u8>, code: i32, data: &[u8]) {
    frame(out, b'R', |out| {
        out.extend_from_slice(&code.to_be_bytes());
        out.extend_from_slice(data);
    });
}

/// Query.
pub fn query(out: &mut Vec<u8>, text: &str) {
    frame(out, b'Q', |out| put_cstr(out, text.as_bytes()));
}

/// Parse of a definition as [`crate::wire::view::Parse`] has it, under another name.
pub fn parse(out: &mut Vec<u8>, name: &[u8], definition: &[u8]) {
    frame(out, b'P', |out| {
        put_cstr(out, name);
        out.extend_from_slice(definition);
    });
}

/// Execute with this body, and a Flush, so that it is answered before the Sync.
pub fn execute_and_flush(out: &mut Vec<u8>, body: &[u8]) {
    frame(out, b'E', |out| out.extend_from_slice(body));
    flush(out);
}

/// Bind without parameters, of a portal whose rows come as text.
pub fn bind_without_parameters(out: &mut Vec<u8>, portal: &[u8], statement: &[u8]) {
    let rest = [0; 6];
    bind_front(out, portal, statement, rest.len());
    out.extend_from_slice(&rest);
}

/// Bind with all parameters, and all results, as text.
pub fn bind_text(out: &mut Vec<u8>, portal: &[u8], statement: &[u8], values: &[Option<&str>]) {
    frame(out, b'B', |out| {
        put_cstr(out, portal);
        put_cstr(out, statement);
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&(values.len() as u16).to_be_bytes());
        for value in values {
            match value {
                None => out.extend_from_slice(&(-1_i32).to_be_bytes()),
                Some(value) => {
                    out.extend_from_slice(&(value.len() as u32).to_be_bytes());
                    out.extend_from_slice(value.as_bytes());
                }
            }
        }
        out.extend_from_slice(&[0; 2]);
    });
}

/// Execute of a whole portal.
pub fn execute(out: &mut Vec<u8>, portal: &[u8]) {
    frame(out, b'E', |out| {
        put_cstr(out, portal);
        out.extend_from_slice(&[0; 4]);
    });
}

/// Sync.
pub fn sync(out: &mut Vec<u8>) {
    frame(out, b'S', |_| {});
}

/// Flush.
pub fn flush(out: &mut Vec<u8>) {
    frame(out, b'H', |_| {});
}

/// Describe of a prepared statement.
pub fn describe_statement(out: &mut Vec<u8>, name: &[u8]) {
    statement_target(out, b'D', name);
}

/// Close of a prepared statement.
pub fn close_statement(out: &mut Vec<u8>, name: &[u8]) {
    statement_target(out, b'C', name);
}

/// Close of a portal.
pub fn close_portal(out: &mut Vec<u8>, name: &[u8]) {
    frame(out, b'C', |out| {
        out.push(b'P');
        put_cstr(out, name);
    });
}

fn statement_target(out: &mut Vec<u8>, tag: u8, name: &[u8]) {
    frame(out, tag, |out| {
        out.push(b'S');
        put_cstr(out, name);
    });
}

/// Front of a Bind: head and names, for a body of which `rest` bytes follow behind them.
pub fn bind_front(out: &mut Vec<u8>, portal: &[u8], statement: &[u8], rest: usize) {
    let length = 4 + portal.len() + 1 + statement.len() + 1 + rest;
    out.push(b'B');
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    put_cstr(out, portal);
    put_cstr(out, statement);
}
