//! Reaching every node of a tree.

use crate::message::{Malformed, Message, Value, read_field};
use crate::table::Kind;

/// A node that the walk came to, and where it hangs.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'t> {
    /// The node.
    pub message: Message<'t>,
    /// Kind of the node it is a part of; its own kind for the one the walk began with.
    pub parent: Kind,
    /// The parent's field that holds it; 0 for the one the walk began with.
    pub field: u32,
}

/// All nodes from one on, each before its parts, in the order of the tree.
///
/// It is complete by construction: it follows every field, and what the table does not know, or knows
/// differently, ends it with [`Malformed`]. It keeps its own stack, so depth costs memory (40 bytes a
/// level) and never the thread's stack.
#[derive(Debug)]
pub struct Walk<'t> {
    start: Option<Message<'t>>,
    stack: Vec<Frame<'t>>,
}

#[derive(Debug)]
struct Frame<'t> {
    kind: Kind,
    rest: &'t [u8],
}

impl<'t> Walk<'t> {
    /// A walk over this node and all its parts.
    #[must_use]
    pub const fn new(start: Message<'t>) -> Self {
        Self { start: Some(start), stack: Vec::new() }
    }

    fn enter(&mut self, message: Message<'t>) {
        if !message.bytes().is_empty() {
            self.stack.push(Frame { kind: message.kind(), rest: message.bytes() });
        }
    }
}

impl<'t> Iterator for Walk<'t> {
    type Item = Result<Visit<'t>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(message) = self.start.take() {
            self.enter(message);
            return Some(Ok(Visit { message, parent: message.kind(), field: 0 }));
        }
        loop {
            let frame = self.stack.last_mut()?;
            if frame.rest.is_empty() {
                self.stack.pop();
                continue;
            }
            let parent = frame.kind;
            match read_field(parent, &mut frame.rest) {
                Ok(field) => {
                    if let Value::Message(Some(message)) = field.value {
                        self.enter(message);
                        return Some(Ok(Visit { message, parent, field: field.number }));
                    }
                }
                Err(malformed) => {
                    self.stack.clear();
                    return Some(Err(malformed));
                }
            }
        }
    }
}
