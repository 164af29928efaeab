//! Link models and queue disciplines from outside: a sender, a link and a receiver, held against what was published about the models.

mod links;
mod net;
mod queues;
mod rates;
