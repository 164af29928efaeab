//! The well-known objects: the registry, which knows names, and the collector, which counts who holds references (RMI §6, §10).

use std::sync::Arc;

use super::message::{CLASS_ANNOTATION, Call, Outcome, Return};
use super::stub::Stub;
use super::wire::{ObjId, Uid};
use crate::rpc::bytes::DecodeError;
use crate::rpc::java::{Class, Heap, Kind, Object, Part, Value, flags};

/// The registry.
pub const REGISTRY_ID: ObjId = ObjId::known(0);
/// The hash of the registry's interface.
pub const REGISTRY_HASH: i64 = 4_905_912_898_345_647_071;
/// The registry's operation `lookup`.
pub const LOOKUP: i32 = 2;
/// The collector.
pub const DGC_ID: ObjId = ObjId::known(2);
/// The hash of the collector's interface.
pub const DGC_HASH: i64 = -669_196_253_586_618_813;
/// The collector's operation `clean`: references are given up.
pub const CLEAN: i32 = 0;
/// The collector's operation `dirty`: references are held, for as long as a lease says.
pub const DIRTY: i32 = 1;

/// Parameters of `lookup`, where a call is one.
pub fn lookup_parameters(target: &ObjId, operation: i32, hash: i64) -> Option<Vec<Kind>> {
    let is = *target == REGISTRY_ID && operation == LOOKUP && hash == REGISTRY_HASH;
    is.then(|| vec![Kind::object("Ljava/lang/String;")])
}

/// Asks the registry for a name.
pub fn lookup(name: &str) -> Call {
    let mut heap = Heap::default();
    let arguments = vec![heap.text(name)];
    Call { target: REGISTRY_ID, operation: LOOKUP, hash: REGISTRY_HASH, heap, arguments }
}

/// The name that a `lookup` asks for.
///
/// # Errors
/// Another call.
pub fn lookup_name(call: &Call) -> Result<&str, DecodeError> {
    let name = match call.arguments[..] {
        [name] if lookup_parameters(&call.target, call.operation, call.hash).is_some() => call.heap.as_text(name),
        _ => None,
    };
    name.ok_or(DecodeError::Malformed("not a lookup"))
}

/// The registry's answer.
pub fn lookup_reply(uid: Uid, stub: &Stub) -> Return {
    let mut heap = Heap::default();
    let value = stub.to_object(&mut heap);
    Return { uid, heap, outcome: Outcome::Returned(Some(value)) }
}

/// Parameters of the collector's operations, where a call is one.
pub fn dgc_parameters(target: &ObjId, operation: i32, hash: i64) -> Option<Vec<Kind>> {
    if *target != DGC_ID || hash != DGC_HASH {
        return None;
    }
    let ids = Kind::object("[Ljava/rmi/server/ObjID;");
    match operation {
        DIRTY => Some(vec![ids, Kind::Long, Kind::object("Ljava/rmi/dgc/Lease;")]),
        CLEAN => Some(vec![ids, Kind::Long, Kind::object("Ljava/rmi/dgc/VMID;"), Kind::Boolean]),
        _ => None,
    }
}

/// The answer to `dirty`: a lease for the machine that asked, of so many milliseconds.
///
/// # Errors
/// Another call.
pub fn dirty_reply(uid: Uid, call: &Call, millis: i64) -> Result<Return, DecodeError> {
    const NOT_DIRTY: DecodeError = DecodeError::Malformed("not a call of dirty");
    let [_, _, asked] = call.arguments[..] else { return Err(NOT_DIRTY) };
    let machine = call.heap.field(asked, "java.rmi.dgc.Lease", "vmid").ok_or(NOT_DIRTY)?;
    // The machine's identifier goes back as it came, with what it refers to.
    let mut heap = call.heap.clone();
    let fields = [("value", "J"), ("vmid", "Ljava/rmi/dgc/VMID;")];
    let class = Class::new("java.rmi.dgc.Lease", -5_713_411_624_328_831_948, flags::SERIALIZABLE, &fields, None);
    let class = Arc::new(Class { annotation: CLASS_ANNOTATION.to_vec(), ..class });
    let lease = heap.add(Object::Instance { class, parts: vec![Part::of(vec![Value::Long(millis), machine])] });
    Ok(Return { uid, heap, outcome: Outcome::Returned(Some(lease)) })
}
