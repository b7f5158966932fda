//! The admin console, and what it reads.

mod overview;
