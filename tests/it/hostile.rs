//! Clients that mean harm to the proxy itself: any message in any state, and all that costs memory, places or time. What
//! they cost is bounded, and another tenant is served meanwhile (docs/reliability.md, "Hostile clients").

mod hunger;
mod messages;
