//! The console's desk: what a key means, driven by key events at exact times.

#[path = "desk/between.rs"]
mod between;
#[path = "desk/direct.rs"]
mod direct;
#[path = "desk/forward.rs"]
mod forward;
#[path = "desk/hazards.rs"]
mod hazards;
#[path = "desk/hold.rs"]
mod hold;
#[path = "desk/hooks.rs"]
mod hooks;
#[path = "desk/looking.rs"]
mod looking;
#[path = "desk/once.rs"]
mod once;
#[path = "desk/panels.rs"]
mod panels;
#[path = "desk/reassert.rs"]
mod reassert;
#[path = "desk/rest.rs"]
mod rest;
#[path = "desk/rollback.rs"]
mod rollback;
#[path = "support/scene.rs"]
mod scene;
#[path = "desk/sitting.rs"]
mod sitting;
#[path = "desk/stray.rs"]
mod stray;
#[path = "desk/typing.rs"]
mod typing;
