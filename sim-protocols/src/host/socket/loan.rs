//! Lending the sockets: futures are polled without an argument that could carry them, so they stand elsewhere meanwhile.

use sim_core::{Streams, Time};

use super::super::calls::Calls;
use super::super::config::HostConfig;
use super::super::kernel::Kernel;
use super::Sockets;
use crate::ip::{IpConfig, IpStack};

/// The sockets of a host, lent for as long as one of its programs runs.
pub(crate) struct Loan {
    kernel: Box<Kernel>,
    now: Time,
    flow: u32,
}

/// What stands in the place of what is lent.
pub(crate) struct Spare(Box<Kernel>);

impl Default for Spare {
    fn default() -> Spare {
        let stack = IpStack::new(IpConfig::default());
        Spare(Box::new(Kernel::new(HostConfig::new(""), stack, &Streams::new(0))))
    }
}

impl Loan {
    /// The present moment.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The socket calls.
    pub fn sockets(&mut self) -> Sockets<'_> {
        Sockets::new(&mut self.kernel, self.now, self.flow)
    }
}

impl Calls<'_, '_> {
    /// Lends the sockets; nothing else may be called until they are back.
    pub(crate) fn lend(&mut self, Spare(mut kernel): Spare) -> Loan {
        std::mem::swap(self.kernel, &mut *kernel);
        Loan { kernel, now: self.now(), flow: self.flow }
    }

    /// Takes them back.
    pub(crate) fn take_back(&mut self, Loan { mut kernel, .. }: Loan) -> Spare {
        std::mem::swap(self.kernel, &mut *kernel);
        Spare(kernel)
    }
}
