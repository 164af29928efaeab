//! A constant window: what a pipe of that length carries, and what happens to a network without congestion control.

use sim_core::Params;

use super::{Ack, Controller, Setting, Window};

/// Parameters of the constant window.
#[derive(Clone, PartialEq, Debug)]
pub struct FixedConfig {
    /// Segments.
    pub window: u32,
}

impl FixedConfig {
    pub(super) fn read(params: &mut dyn Params) -> FixedConfig {
        FixedConfig { window: params.count("window", Some(100), 1..=1_000_000, "segments in flight") as u32 }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Fixed(u32);

impl Fixed {
    pub fn new(config: &FixedConfig, _setting: &Setting) -> Fixed {
        Fixed(config.window)
    }
}

impl Controller for Fixed {
    const YIELDS: bool = false;

    fn initial_window(&self) -> Option<u32> {
        Some(self.0)
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, _ack: &Ack) {
        window.cwnd = self.0;
    }

    fn ssthresh(&mut self, _window: &Window) -> u32 {
        self.0
    }
}
