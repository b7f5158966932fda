//! The PostgreSQL wire protocol, version 3 (PostgreSQL documentation, chapter "Frontend/Backend
//! Protocol"): frames, the buffer they travel in, views of those the proxy opens, and the messages it
//! writes itself. Pure: bytes in, bytes out.

pub mod flow;
pub mod frame;
pub mod startup;
pub mod view;
pub mod write;
