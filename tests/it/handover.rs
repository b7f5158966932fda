//! A shared server connection goes from one tenant to another, whatever happens meanwhile: never a byte of an answer
//! that was computed as somebody else.

mod broken;
mod server;
mod storm;
