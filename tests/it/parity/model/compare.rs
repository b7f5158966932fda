//! What each client saw directly, and through the proxy.

use super::acts::{Step, told};
use super::stage::Seen;
use crate::parity::harness::{field, normalise, shown};
use crate::support::wire::Message;

/// The first difference.
pub(super) fn difference(steps: &[Step], direct: Seen, through: Seen) -> Option<String> {
    let answers = direct.answers.into_iter().zip(through.answers);
    for (n, (direct, through)) in answers.enumerate() {
        let (Some(mut direct), Some(mut through)) = (direct, through) else { continue };
        normalise(&mut direct, &mut through);
        set_right_what_is_listed(&mut direct, &through);
        if cannot_prepare(&direct, &through) {
            continue;
        }
        if direct != through {
            let step = told(&steps[n..=n]);
            return Some(format!(
                "step {n}, {step}  direct:\n{}  through:\n{}",
                list(&direct),
                list(&through)
            ));
        }
    }
    for (n, (direct, through)) in direct.notes.iter().zip(&through.notes).enumerate() {
        if direct != through {
            return Some(format!(
                "client {n} heard directly {direct:#?}\n and through the proxy {through:#?}"
            ));
        }
    }
    None
}

/// Differences that docs/compatibility.md lists, and that only who knows the server's state could foresee: a temporary
/// table or another search_path hides what the statement reads that has the name.
fn set_right_what_is_listed(direct: &mut [Message], through: &[Message]) {
    for (direct, through) in direct.iter_mut().zip(through) {
        let is_listed = matches!((code(direct), code(through)), (b"42P05" | b"08P01", b"42703" | b"42P01"));
        if is_listed {
            direct.body.clone_from(&through.body);
        }
    }
}

/// Another of these: what a server connection does not have cannot be prepared there in a failed block.
fn cannot_prepare(direct: &[Message], through: &[Message]) -> bool {
    let has_failed = |side: &[Message]| side.last().is_some_and(|last| last.tag == b'Z' && last.body == b"E");
    let parse = |message: &Message| {
        code(message) == b"25P02" && field(&message.body, b'R') == Some(b"exec_parse_message")
    };
    has_failed(direct) && has_failed(through) && through.iter().any(parse)
}

/// Of an error.
fn code(message: &Message) -> &[u8] {
    if message.tag == b'E' { field(&message.body, b'C').unwrap_or_default() } else { b"" }
}

fn list(messages: &[Message]) -> String {
    let line = |message: &Message| {
        let body = match message.tag {
            b'T' => format!(" {:x?}", &message.body[..message.body.len().min(99)]),
            b'E' | b'N' => format!(" {}", String::from_utf8_lossy(&message.body).replace('\0', "·")),
            _ => String::new(),
        };
        format!("    {}{body}\n", shown(message))
    };
    messages.iter().map(line).collect()
}
