//! What each client saw directly, and through the proxy.

use super::acts::{Step, told};
use super::stage::Seen;
use crate::parity::harness::{normalise, shown};
use crate::support::wire::Message;

/// The first difference.
pub(super) fn difference(steps: &[Step], direct: Seen, through: Seen) -> Option<String> {
    let answers = direct.answers.into_iter().zip(through.answers);
    for (n, (direct, through)) in answers.enumerate() {
        let (Some(mut direct), Some(mut through)) = (direct, through) else { continue };
        normalise(&mut direct, &mut through);
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
