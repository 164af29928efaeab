//! All forms of the common service behind one door: the same call and the same reply, as each form's bytes.

use super::bytes::{DecodeError, Limits};
use super::model::{Call, Operation, Reply};
use super::{bare, dubbo, hessian, jsonrpc, rmi, thrift};

/// A form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Form {
    /// [`bare`]: frames over TCP.
    Bare,
    /// [`dubbo`]: frames over TCP, Hessian inside.
    Dubbo,
    /// [`hessian`]: HTTP bodies.
    Hessian,
    /// [`jsonrpc`]: HTTP bodies; lines over TCP with [`jsonrpc::frame`].
    JsonRpc,
    /// [`rmi`]: messages over TCP, behind an opening.
    Rmi,
    /// [`thrift`]: frames over TCP, the binary protocol.
    ThriftBinary,
    /// [`thrift`]: frames over TCP, the compact protocol.
    ThriftCompact,
}

/// A call or a reply that was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received<T> {
    /// What it is.
    pub message: T,
    /// Which call; 0 in forms that answer in order and number nothing ([`Form::Hessian`], [`Form::Rmi`]).
    pub id: u64,
    /// Bytes that it had.
    pub used: usize,
}

impl Form {
    /// All of them, by name.
    pub const ALL: [Form; 7] =
        [Form::Bare, Form::Dubbo, Form::Hessian, Form::JsonRpc, Form::Rmi, Form::ThriftBinary, Form::ThriftCompact];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Form::Bare => "bare",
            Form::Dubbo => "dubbo",
            Form::Hessian => "hessian",
            Form::JsonRpc => "json-rpc",
            Form::Rmi => "rmi",
            Form::ThriftBinary => "thrift-binary",
            Form::ThriftCompact => "thrift-compact",
        }
    }

    /// Whether something else, such as HTTP's length, has to tell where a message ends: then all bytes are one message.
    pub fn needs_framing(self) -> bool {
        matches!(self, Form::Hessian | Form::JsonRpc)
    }

    /// A call's bytes. Ids beyond 31 bits are cut in Thrift.
    pub fn encode_call(self, id: u64, call: &Call) -> Vec<u8> {
        match self {
            Form::Bare => bare::call_to(id, call).encode(),
            Form::Dubbo => dubbo::Message::Request(dubbo::call_to(id, call)).encode(),
            Form::Hessian => hessian::call_to(call).encode(),
            Form::JsonRpc => jsonrpc::call_to(id, call).encode(),
            Form::Rmi => rmi::call_to(rmi::SERVICE, call).encode(),
            Form::ThriftBinary => thrift::encode_call(thrift::Encoding::Binary, cut(id), call),
            Form::ThriftCompact => thrift::encode_call(thrift::Encoding::Compact, cut(id), call),
        }
    }

    /// Reads a call from the front of bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] where more bytes are needed; another message or service, or too much.
    pub fn decode_call(self, bytes: &[u8], limits: &Limits) -> Result<Received<Call>, DecodeError> {
        let (message, id, used) = match self {
            Form::Bare => {
                let (frame, used) = bare::Frame::decode(bytes, limits)?;
                (bare::call_from(&frame, limits)?, frame.id, used)
            }
            Form::Dubbo => match dubbo::Message::decode(bytes, limits)? {
                (dubbo::Message::Request(request), used) => (dubbo::call_from(&request)?, request.id, used),
                _ => return Err(DecodeError::Malformed("not a call")),
            },
            Form::Hessian => (hessian::call_from(&hessian::Call::decode(bytes, limits)?)?, 0, bytes.len()),
            Form::JsonRpc => {
                let request = match jsonrpc::read_requests(bytes, limits) {
                    Ok(jsonrpc::Incoming::Single(Ok(request))) => request,
                    _ => return Err(DecodeError::Malformed("not a single request")),
                };
                let call = jsonrpc::call_from(&request);
                let call = call.map_err(|_| DecodeError::Malformed("not a call of the service"))?;
                (call, request.id.as_ref().map_or(Ok(0), number)?, bytes.len())
            }
            Form::Rmi => {
                let service = |target: &rmi::ObjId, operation, hash| {
                    rmi::call_parameters(operation, hash).filter(|_| *target == rmi::SERVICE)
                };
                match rmi::read_client(bytes, limits, service)? {
                    (rmi::ClientMessage::Call(call), used) => (rmi::call_from(&call)?, 0, used),
                    _ => return Err(DecodeError::Malformed("not a call")),
                }
            }
            Form::ThriftBinary | Form::ThriftCompact => {
                let used = thrift::frame(bytes, limits)?;
                let (call, sequence) = thrift::decode_call(self.encoding(), &bytes[..used], limits)?;
                (call, u64::from(sequence as u32), used)
            }
        };
        Ok(Received { message, id, used })
    }

    /// A reply's bytes.
    pub fn encode_reply(self, id: u64, reply: &Reply) -> Vec<u8> {
        match self {
            Form::Bare => bare::reply_to(id, reply).encode(),
            Form::Dubbo => dubbo::Message::Response(dubbo::reply_to(id, reply)).encode(),
            Form::Hessian => hessian::reply_to(reply).encode(),
            Form::JsonRpc => jsonrpc::reply_to(id, reply).encode(),
            Form::Rmi => {
                // Nobody acknowledges this return, so its number need not be unique.
                let uid = rmi::Uid { unique: 1, time: 0, count: id as i16 };
                rmi::reply_to(uid, reply).encode()
            }
            Form::ThriftBinary => thrift::encode_reply(thrift::Encoding::Binary, cut(id), reply),
            Form::ThriftCompact => thrift::encode_reply(thrift::Encoding::Compact, cut(id), reply),
        }
    }

    /// Reads the reply to an operation from the front of bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] where more bytes are needed; another message or reply, or too much.
    pub fn decode_reply(
        self,
        operation: Operation,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Received<Reply>, DecodeError> {
        let (message, id, used) = match self {
            Form::Bare => {
                let (frame, used) = bare::Frame::decode(bytes, limits)?;
                (bare::reply_from(&frame, limits)?, frame.id, used)
            }
            Form::Dubbo => match dubbo::Message::decode(bytes, limits)? {
                (dubbo::Message::Response(response), used) => (dubbo::reply_from(&response)?, response.id, used),
                _ => return Err(DecodeError::Malformed("not a reply")),
            },
            Form::Hessian => (hessian::reply_from(&hessian::Reply::decode(bytes, limits)?)?, 0, bytes.len()),
            Form::JsonRpc => {
                let responses = jsonrpc::read_responses(bytes, limits)?;
                let [response] = &responses[..] else { return Err(DecodeError::Malformed("not a single reply")) };
                (jsonrpc::reply_from(operation, response)?, number(&response.id)?, bytes.len())
            }
            Form::Rmi => match rmi::read_server(bytes, limits, Some(&rmi::reply_kind(operation)))? {
                (rmi::ServerMessage::Return(reply), used) => (rmi::reply_from(operation, &reply)?, 0, used),
                _ => return Err(DecodeError::Malformed("not a reply")),
            },
            Form::ThriftBinary | Form::ThriftCompact => {
                let used = thrift::frame(bytes, limits)?;
                let (reply, sequence) = thrift::decode_reply(self.encoding(), &bytes[..used], limits)?;
                (reply, u64::from(sequence as u32), used)
            }
        };
        if message.operation() != operation {
            return Err(DecodeError::Malformed("a reply to another call"));
        }
        Ok(Received { message, id, used })
    }

    fn encoding(self) -> thrift::Encoding {
        if self == Form::ThriftCompact { thrift::Encoding::Compact } else { thrift::Encoding::Binary }
    }
}

/// Thrift's numbers have 31 bits and a sign.
fn cut(id: u64) -> i32 {
    (id & 0x7fff_ffff) as i32
}

fn number(id: &jsonrpc::Id) -> Result<u64, DecodeError> {
    match id {
        jsonrpc::Id::Number(number) => number.as_u64().ok_or(DecodeError::Unsupported("an id that is no whole number")),
        _ => Err(DecodeError::Unsupported("an id that is no number")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rpc::model::Item;
    use crate::rpc::testing::{calls, cuts, replies};

    /// What the same operation costs in bytes, before HTTP's and TCP's own.
    #[test]
    fn sizes() {
        let calls = [Call::Get { id: 7 }, Call::List { page: 0, size: 20 }, Call::Create { item: Item::sample(7) }];
        let list = (0..20).map(Item::sample).collect();
        let replies = [Reply::Item(Item::sample(7)), Reply::Items(list), Reply::Created(7), Reply::NotFound(7)];
        let mut table = String::new();
        for form in Form::ALL {
            let calls = calls.iter().map(|call| form.encode_call(1, call).len());
            let replies = replies.iter().map(|reply| form.encode_reply(1, reply).len());
            let sizes: Vec<String> = calls.chain(replies).map(|size| size.to_string()).collect();
            table.push_str(&format!("{}: {}\n", form.name(), sizes.join(" ")));
        }
        assert_eq!(table, SIZES);
    }

    /// Form: get, list, create; item, twenty items, created, not found.
    const SIZES: &str = "bare: 22 22 69 69 1128 22 22
dubbo: 132 135 224 92 649 18 76
hessian: 10 12 87 79 636 5 112
json-rpc: 57 70 142 115 1704 35 76
rmi: 49 49 256 237 1613 30 378
thrift-binary: 31 35 98 95 1479 34 51
thrift-compact: 14 17 49 47 687 18 27
";

    proptest! {
        #[test]
        fn every_form_carries_every_call(id in 0..1u64 << 31, call in calls(), reply in replies(), more in any::<u8>()) {
            let limits = Limits::default();
            for form in Form::ALL {
                let kept = |id| if matches!(form, Form::Hessian | Form::Rmi) { 0 } else { id };
                let mut bytes = form.encode_call(id, &call);
                let used = bytes.len();
                if !form.needs_framing() {
                    bytes.push(more);
                    for cut in cuts(used) {
                        prop_assert_eq!(form.decode_call(&bytes[..cut], &limits), Err(DecodeError::Truncated));
                    }
                }
                let received = Received { message: call.clone(), id: kept(id), used };
                prop_assert_eq!(form.decode_call(&bytes, &limits), Ok(received));

                let mut bytes = form.encode_reply(id, &reply);
                let used = bytes.len();
                if !form.needs_framing() {
                    bytes.push(more);
                }
                let received = Received { message: reply.clone(), id: kept(id), used };
                prop_assert_eq!(form.decode_reply(reply.operation(), &bytes, &limits), Ok(received));
            }
        }
    }
}
