//! What the suite shares: the oracle and the swarm.

pub mod oracle;
pub mod swarm;
