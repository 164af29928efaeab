//! References to remote objects: the stub that a registry answers with, a proxy whose handler holds the object's address.

use std::sync::Arc;

use super::message::CLASS_ANNOTATION;
use super::wire::{Endpoint, ObjId};
use crate::rpc::bytes::{DecodeError, Reader};
use crate::rpc::java::{Class, Content, Heap, Object, Part, Shape, Value, flags, push_utf, take_utf};

/// The kind of reference: an object at one endpoint.
const UNICAST: &str = "UnicastRef";
const HANDLER: &str = "java.rmi.server.RemoteObjectInvocationHandler";
const NOT_A_STUB: DecodeError = DecodeError::Malformed("not a stub");

/// A reference to a remote object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stub {
    /// Names of the remote interfaces that it has.
    pub interfaces: Vec<String>,
    /// Where the object is.
    pub endpoint: Endpoint,
    /// Which object there.
    pub id: ObjId,
    /// Whether it comes in a return, so that its arrival is to be acknowledged.
    pub in_return: bool,
}

impl Stub {
    /// Puts the stub into a heap, as a JDK since version 5 does.
    pub fn to_object(&self, heap: &mut Heap) -> Value {
        let class = |name, serial, bits, fields: &[(&str, &str)], parent| {
            let class = Class::new(name, serial, flags::SERIALIZABLE | bits, fields, parent);
            Arc::new(Class { annotation: CLASS_ANNOTATION.to_vec(), ..class })
        };
        // What `RemoteObject.writeObject` and `UnicastRef.writeExternal` write.
        let mut reference = Vec::new();
        push_utf(UNICAST, &mut reference);
        self.endpoint.emit(&mut reference);
        self.id.emit(&mut reference);
        reference.push(u8::from(self.in_return));
        let remote = "java.rmi.server.RemoteObject";
        let remote = class(remote, -3_215_090_123_894_869_218, flags::WRITE_METHOD, &[], None);
        let handler = class(HANDLER, 2, 0, &[], Some(remote));
        let own = Part { fields: vec![], annotation: vec![Content::Block(reference)] };
        let handler = heap.add(Object::Instance { class: handler, parts: vec![own, Part::default()] });
        let field = [("h", "Ljava/lang/reflect/InvocationHandler;")];
        let parent = class("java.lang.reflect.Proxy", -2_222_568_056_686_623_797, 0, &field, None);
        let interfaces: Vec<&str> = self.interfaces.iter().map(String::as_str).collect();
        let proxy = Class { annotation: CLASS_ANNOTATION.to_vec(), ..Class::proxy(&interfaces, parent) };
        heap.add(Object::Instance { class: Arc::new(proxy), parts: vec![Part::of(vec![handler]), Part::default()] })
    }

    /// Reads a stub.
    ///
    /// # Errors
    /// Another object, or another kind of reference.
    pub fn from_object(heap: &Heap, value: Value) -> Result<Stub, DecodeError> {
        let (class, _) = heap.instance(value).ok_or(NOT_A_STUB)?;
        let Shape::Proxy { interfaces } = &class.shape else { return Err(NOT_A_STUB) };
        let handler = heap.field(value, "java.lang.reflect.Proxy", "h").ok_or(NOT_A_STUB)?;
        let (class, parts) = heap.instance(handler).ok_or(NOT_A_STUB)?;
        if class.name() != Some(HANDLER) {
            return Err(NOT_A_STUB);
        }
        let [Content::Block(reference)] = &parts[0].annotation[..] else { return Err(NOT_A_STUB) };
        let mut bytes = Reader::new(reference);
        let read = |bytes: &mut Reader<'_>| -> Result<Stub, DecodeError> {
            if take_utf(bytes)? != UNICAST {
                return Err(DecodeError::Unsupported("another kind of reference"));
            }
            let (endpoint, id) = (Endpoint::read(bytes)?, ObjId::read(bytes)?);
            Ok(Stub { interfaces: interfaces.clone(), endpoint, id, in_return: bytes.u8()? != 0 })
        };
        match read(&mut bytes) {
            // Its own bytes end too early: more of the stream would not help.
            Err(DecodeError::Truncated) => Err(NOT_A_STUB),
            Ok(_) if !bytes.is_empty() => Err(NOT_A_STUB),
            stub => stub,
        }
    }
}
