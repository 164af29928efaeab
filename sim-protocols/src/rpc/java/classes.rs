//! Classes of the JDK that arguments and results need, with the serial versions that the JDK gives them. `annotation` is what the stream
//! says about each class: nothing in a file, a null in a call of RMI.

use std::sync::Arc;

use super::value::{Class, Content, Heap, Object, Part, Value, flags};

/// Boxes: class, serial version, signature of the field `value`.
const BOXES: [(&str, i64, &str); 8] = [
    ("java.lang.Byte", -7_183_698_231_559_129_828, "B"),
    ("java.lang.Character", 3_786_198_910_865_385_080, "C"),
    ("java.lang.Double", -9_172_774_392_245_257_468, "D"),
    ("java.lang.Float", -2_671_257_302_660_747_028, "F"),
    ("java.lang.Integer", 1_360_826_667_806_852_920, "I"),
    ("java.lang.Long", 4_290_774_380_558_885_855, "J"),
    ("java.lang.Short", 7_515_723_908_773_894_738, "S"),
    ("java.lang.Boolean", -3_665_804_199_014_368_530, "Z"),
];

fn annotated(mut class: Class, annotation: &[Content]) -> Arc<Class> {
    class.annotation = annotation.to_vec();
    Arc::new(class)
}

/// `java.lang.Number`, above all boxes but two.
pub fn number_class(annotation: &[Content]) -> Arc<Class> {
    let serial = -8_742_448_824_652_078_965;
    annotated(Class::new("java.lang.Number", serial, flags::SERIALIZABLE, &[], None), annotation)
}

/// The box of a primitive value, such as a `java.lang.Integer`; references stay what they are.
pub fn boxed(heap: &mut Heap, value: Value, annotation: &[Content]) -> Value {
    let at = match value {
        Value::Byte(_) => 0,
        Value::Char(_) => 1,
        Value::Double(_) => 2,
        Value::Float(_) => 3,
        Value::Int(_) => 4,
        Value::Long(_) => 5,
        Value::Short(_) => 6,
        Value::Boolean(_) => 7,
        Value::Null | Value::Ref(_) => return value,
    };
    let (name, serial, signature) = BOXES[at];
    let parent = (!matches!(value, Value::Char(_) | Value::Boolean(_))).then(|| number_class(annotation));
    let mut parts = vec![Part::default(); usize::from(parent.is_some())];
    parts.push(Part::of(vec![value]));
    let class = Class::new(name, serial, flags::SERIALIZABLE, &[("value", signature)], parent);
    heap.add(Object::Instance { class: annotated(class, annotation), parts })
}

/// The value in a box.
pub fn unboxed(heap: &Heap, value: Value) -> Option<Value> {
    let (class, parts) = heap.instance(value)?;
    let name = class.name()?;
    BOXES.iter().find(|(known, _, _)| *known == name)?;
    parts.last()?.fields.first().copied()
}

/// An `Object[]` or an array of another class: `[Ljava.lang.String;`, and its serial version.
pub fn object_array(heap: &mut Heap, name: &str, serial: i64, items: Vec<Value>, annotation: &[Content]) -> Value {
    let class = annotated(Class::new(name, serial, flags::SERIALIZABLE, &[], None), annotation);
    heap.add(Object::Array { class, items })
}

/// A `java.util.ArrayList`.
pub fn array_list(heap: &mut Heap, items: &[Value], annotation: &[Content]) -> Value {
    let both = flags::SERIALIZABLE | flags::WRITE_METHOD;
    let class = Class::new("java.util.ArrayList", 8_683_452_581_122_892_189, both, &[("size", "I")], None);
    // What `ArrayList.writeObject` adds: the size again, where the capacity once was, and the items.
    let size = items.len() as i32;
    let mut own = vec![Content::Block(size.to_be_bytes().to_vec())];
    own.extend(items.iter().map(|item| Content::Object(*item)));
    let part = Part { fields: vec![Value::Int(size)], annotation: own };
    heap.add(Object::Instance { class: annotated(class, annotation), parts: vec![part] })
}

/// The items of a list that writes itself as `java.util.ArrayList` does.
pub fn array_list_items(heap: &Heap, list: Value) -> Option<Vec<Value>> {
    let (class, parts) = heap.instance(list)?;
    let [part] = parts else { return None };
    if class.name() != Some("java.util.ArrayList") {
        return None;
    }
    let [Content::Block(_), items @ ..] = &part.annotation[..] else { return None };
    let items = items.iter().map(|content| match content {
        Content::Object(value) => Some(*value),
        _ => None,
    });
    items.collect()
}

/// The class of an exception that extends `java.lang.Exception` directly and adds fields.
pub fn exception_class(name: &str, serial: i64, fields: &[(&str, &str)], annotation: &[Content]) -> Arc<Class> {
    let both = flags::SERIALIZABLE | flags::WRITE_METHOD;
    let own = [
        ("cause", "Ljava/lang/Throwable;"),
        ("detailMessage", "Ljava/lang/String;"),
        ("stackTrace", "[Ljava/lang/StackTraceElement;"),
        ("suppressedExceptions", "Ljava/util/List;"),
    ];
    let throwable = Class::new("java.lang.Throwable", -3_042_686_055_658_047_285, both, &own, None);
    let throwable = Some(annotated(throwable, annotation));
    let parent = Class::new("java.lang.Exception", -3_387_516_993_124_229_948, flags::SERIALIZABLE, &[], throwable);
    let parent = Some(annotated(parent, annotation));
    annotated(Class::new(name, serial, flags::SERIALIZABLE, fields, parent), annotation)
}

/// An exception of such a class: without a cause, which Java writes as a reference to itself, and with an empty stack trace.
pub fn exception(
    heap: &mut Heap,
    class: Arc<Class>,
    message: &str,
    fields: Vec<Value>,
    annotation: &[Content],
) -> Value {
    let message = heap.text(message);
    let trace = "[Ljava.lang.StackTraceElement;";
    let trace = object_array(heap, trace, 0x0246_2a3c_3cfd_2239, vec![], annotation);
    let own = vec![heap.next(), message, trace, Value::Null];
    heap.add(Object::Instance { class, parts: vec![Part::of(own), Part::default(), Part::of(fields)] })
}

/// The class and the message of an exception.
pub fn exception_message(heap: &Heap, value: Value) -> Option<(&str, &str)> {
    let (class, _) = heap.instance(value)?;
    let message = heap.field(value, "java.lang.Throwable", "detailMessage")?;
    Some((class.name()?, heap.as_text(message).unwrap_or_default()))
}
