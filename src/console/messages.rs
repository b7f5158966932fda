//! The messages that an answer is made of.

use crate::console::{Column, Type};
use crate::wire::write::{frame, put_cstr};

fn count(of: usize) -> [u8; 2] {
    u16::try_from(of).unwrap_or(u16::MAX).to_be_bytes()
}

/// RowDescription; `binary` says of each column in which form it comes.
pub(super) fn row_description(out: &mut Vec<u8>, columns: &[(&str, Type)], binary: impl Fn(usize) -> bool) {
    frame(out, b'T', |out| {
        out.extend(count(columns.len()));
        for (at, (name, kind)) in columns.iter().enumerate() {
            put_cstr(out, name.as_bytes());
            // Of no table, and so no column of one.
            out.extend([0; 6]);
            out.extend(kind.oid().to_be_bytes());
            out.extend(kind.size().to_be_bytes());
            out.extend((-1_i32).to_be_bytes());
            out.extend(u16::from(binary(at)).to_be_bytes());
        }
    });
}

/// Name and type of each.
pub(super) fn described(columns: &[Column]) -> Vec<(&str, Type)> {
    columns.iter().map(|column| (column.name, column.kind)).collect()
}

/// DataRow.
pub(super) fn data_row(out: &mut Vec<u8>, fields: &[Option<Vec<u8>>]) {
    frame(out, b'D', |out| {
        out.extend(count(fields.len()));
        for field in fields {
            match field {
                None => out.extend((-1_i32).to_be_bytes()),
                Some(bytes) => {
                    out.extend(u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
                    out.extend(bytes);
                }
            }
        }
    });
}

/// CommandComplete.
pub(super) fn command_complete(out: &mut Vec<u8>, tag: &str) {
    frame(out, b'C', |out| put_cstr(out, tag.as_bytes()));
}

/// NoticeResponse.
pub(super) fn notice(out: &mut Vec<u8>, message: &str, detail: Option<&str>) {
    frame(out, b'N', |out| {
        let fields = [(b'S', "NOTICE"), (b'V', "NOTICE"), (b'C', "00000"), (b'M', message)];
        for (code, value) in fields.into_iter().chain(detail.map(|detail| (b'D', detail))) {
            out.push(code);
            put_cstr(out, value.as_bytes());
        }
        out.push(0);
    });
}

/// ParameterDescription of a statement without parameters.
pub(super) fn no_parameters(out: &mut Vec<u8>) {
    frame(out, b't', |out| out.extend([0; 2]));
}

/// A message without content: ParseComplete, BindComplete, NoData and their like.
pub(super) fn bare(out: &mut Vec<u8>, tag: u8) {
    frame(out, tag, |_| {});
}
