//! The commands. Replies and errors are those of Redis 7.0.

use super::store::{Client, Content, Entry, Hash, Store};
use super::value::{Value, number};

type Words<'a> = &'a [Vec<u8>];

/// How many words a command has, itself included.
enum Arity {
    Exactly(usize),
    AtLeast(usize),
}

type Handler = fn(&mut Call<'_>, Words<'_>) -> Result<Value, Value>;

/// Every command: name, words, what it does.
const COMMANDS: &[(&str, Arity, Handler)] = &[
    ("auth", Arity::AtLeast(2), auth),
    ("del", Arity::AtLeast(2), del),
    ("exists", Arity::AtLeast(2), exists),
    ("expire", Arity::AtLeast(3), expire),
    ("get", Arity::Exactly(2), get),
    ("getex", Arity::AtLeast(2), getex),
    ("hget", Arity::Exactly(3), hget),
    ("hgetall", Arity::Exactly(2), hgetall),
    ("hset", Arity::AtLeast(4), hset),
    ("mget", Arity::AtLeast(2), mget),
    ("ping", Arity::AtLeast(1), ping),
    ("pttl", Arity::Exactly(2), pttl),
    ("select", Arity::Exactly(2), select),
    ("set", Arity::AtLeast(3), set),
    ("ttl", Arity::Exactly(2), ttl),
];

/// What a command works on.
struct Call<'a> {
    store: &'a mut Store,
    client: &'a mut Client,
    now_ms: u64,
}

impl Call<'_> {
    fn live(&mut self, key: &[u8]) -> Option<&mut Entry> {
        self.store.live(self.client, self.now_ms, key)
    }

    /// The text of a key.
    fn text(&mut self, key: &[u8]) -> Result<Option<&Vec<u8>>, Value> {
        match self.live(key).map(|entry| &entry.content) {
            None => Ok(None),
            Some(Content::Text(text)) => Ok(Some(text)),
            Some(Content::Hash(_)) => Err(wrong_type()),
        }
    }

    /// The fields of a key.
    fn hash(&mut self, key: &[u8]) -> Result<Option<&mut Hash>, Value> {
        match self.live(key).map(|entry| &mut entry.content) {
            None => Ok(None),
            Some(Content::Hash(hash)) => Ok(Some(hash)),
            Some(Content::Text(_)) => Err(wrong_type()),
        }
    }
}

fn error(text: &str) -> Value {
    Value::Error(text.into())
}

fn wrong_type() -> Value {
    error("WRONGTYPE Operation against a key holding the wrong kind of value")
}

fn syntax() -> Value {
    error("ERR syntax error")
}

fn ok() -> Value {
    Value::Simple("OK".into())
}

/// A number of a request, which has no plus sign there.
fn int(word: &[u8]) -> Result<i64, Value> {
    let plain = Some(word).filter(|word| !word.starts_with(b"+"));
    let value = plain.and_then(|word| number(word).ok()).filter(|value| value.to_string().as_bytes() == word);
    value.ok_or_else(|| error("ERR value is not an integer or out of range"))
}

/// A word of a request inside an error: what would break the line or is no text is replaced.
fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).chars().map(|c| if c == '\r' || c == '\n' { ' ' } else { c }).take(128).collect()
}

pub(super) fn execute(store: &mut Store, client: &mut Client, now_ms: u64, words: Words<'_>) -> Value {
    let Some(first) = words.first() else { return error("ERR unknown command ''") };
    let name = first.to_ascii_lowercase();
    let Some((name, arity, handler)) = COMMANDS.iter().find(|(known, _, _)| known.as_bytes() == name) else {
        let arguments: String = words[1..].iter().map(|word| format!("'{}' ", shown(word))).collect();
        return Value::Error(format!("ERR unknown command '{}', with args beginning with: {arguments}", shown(first)));
    };
    let fits = match arity {
        Arity::Exactly(length) => words.len() == *length,
        Arity::AtLeast(length) => words.len() >= *length,
    };
    if !fits {
        return wrong_number(name);
    }
    if *name != "auth" && store.password.is_some() && !client.authorized {
        return error("NOAUTH Authentication required.");
    }
    handler(&mut Call { store, client, now_ms }, words).unwrap_or_else(|error| error)
}

fn wrong_number(name: &str) -> Value {
    Value::Error(format!("ERR wrong number of arguments for '{name}' command"))
}

fn auth(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let (user, said) = match words {
        [_, password] => (&b"default"[..], password),
        [_, user, password] => (&user[..], password),
        _ => return Err(syntax()),
    };
    match &call.store.password {
        None if words.len() == 2 => Err(error(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your \
             configuration is correct?",
        )),
        // Without a password the default user takes any.
        None if user == b"default" => Ok(ok()),
        Some(password) if user == b"default" && password.as_bytes() == said.as_slice() => {
            call.client.authorized = true;
            Ok(ok())
        }
        _ => Err(error("WRONGPASS invalid username-password pair or user is disabled.")),
    }
}

fn ping(_: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    match words {
        [_] => Ok(Value::Simple("PONG".into())),
        [_, text] => Ok(Value::Bulk(text.clone())),
        _ => Err(wrong_number("ping")),
    }
}

fn select(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let number = int(&words[1])?;
    call.client.database = call.store.select(number).ok_or_else(|| error("ERR DB index is out of range"))?;
    Ok(ok())
}

fn get(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    Ok(call.text(&words[1])?.map_or(Value::Null, |text| Value::Bulk(text.clone())))
}

/// Reads a key, and gives it another time to live.
fn getex(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let expires_ms = match &words[2..] {
        [] => None,
        [option] if option.eq_ignore_ascii_case(b"persist") => Some(None),
        [unit, count] => Some(Some(later(call, unit, count, "getex")?)),
        _ => return Err(syntax()),
    };
    let value = get(call, words)?;
    if let (Some(expires_ms), Some(entry)) = (expires_ms, call.live(&words[1])) {
        entry.expires_ms = expires_ms;
    }
    Ok(value)
}

/// When a time to live ends that is said as `EX seconds` or `PX milliseconds`.
fn later(call: &Call<'_>, unit: &[u8], count: &[u8], command: &str) -> Result<u64, Value> {
    let factor = match unit.to_ascii_lowercase().as_slice() {
        b"ex" => 1000,
        b"px" => 1,
        _ => return Err(syntax()),
    };
    let span = int(count)?.checked_mul(factor).filter(|span| *span > 0).map(i64::unsigned_abs);
    let span = span.ok_or_else(|| Value::Error(format!("ERR invalid expire time in '{command}' command")))?;
    Ok(call.now_ms.saturating_add(span))
}

fn mget(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    // A key of another type counts as missing here.
    let one = |key: &Vec<u8>| match call.text(key) {
        Ok(Some(text)) => Value::Bulk(text.clone()),
        _ => Value::Null,
    };
    Ok(Value::Array(words[1..].iter().map(one).collect()))
}

fn set(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let (mut expires_ms, mut not_there, mut there) = (None, false, false);
    let mut options = words[3..].iter();
    while let Some(option) = options.next() {
        match option.to_ascii_lowercase().as_slice() {
            b"nx" if !there => not_there = true,
            b"xx" if !not_there => there = true,
            unit @ (b"ex" | b"px") if expires_ms.is_none() => {
                let count = options.next().ok_or_else(syntax)?;
                expires_ms = Some(later(call, unit, count, "set")?);
            }
            _ => return Err(syntax()),
        }
    }
    let exists = call.live(&words[1]).is_some();
    if exists && not_there || !exists && there {
        return Ok(Value::Null);
    }
    // A key's old time to live goes with its old value.
    let entry = Entry { content: Content::Text(words[2].clone()), expires_ms };
    call.store.database(call.client).insert(words[1].clone(), entry);
    Ok(ok())
}

fn del(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let gone = words[1..].iter().filter(|key| {
        let there = call.live(key).is_some();
        call.store.database(call.client).remove(*key);
        there
    });
    Ok(Value::Integer(gone.count() as i64))
}

fn exists(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let there = words[1..].iter().filter(|key| call.live(key).is_some());
    Ok(Value::Integer(there.count() as i64))
}

fn expire(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let seconds = int(&words[2])?;
    if let Some(option) = words.get(3) {
        return Err(Value::Error(format!("ERR Unsupported option {}", shown(option))));
    }
    let invalid = || error("ERR invalid expire time in 'expire' command");
    let span = seconds.checked_mul(1000).ok_or_else(invalid)?;
    let now_ms = call.now_ms;
    let Some(entry) = call.live(&words[1]) else { return Ok(Value::Integer(0)) };
    match u64::try_from(span) {
        Ok(span @ 1..) => entry.expires_ms = Some(now_ms.saturating_add(span)),
        // A time that has passed deletes the key.
        _ => drop(call.store.database(call.client).remove(&words[1])),
    }
    Ok(Value::Integer(1))
}

/// What is left in milliseconds; -1 where the key stays, -2 where there is none.
fn left(call: &mut Call<'_>, key: &[u8]) -> i64 {
    let now_ms = call.now_ms;
    match call.live(key).map(|entry| entry.expires_ms) {
        None => -2,
        Some(None) => -1,
        Some(Some(expires)) => i64::try_from(expires - now_ms).unwrap_or(i64::MAX),
    }
}

fn pttl(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    Ok(Value::Integer(left(call, &words[1])))
}

fn ttl(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    Ok(Value::Integer(match left(call, &words[1]) {
        none @ ..0 => none,
        // Redis rounds to the nearest second.
        left => left.saturating_add(500) / 1000,
    }))
}

fn hset(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    if words.len() % 2 == 1 {
        return Err(wrong_number("hset"));
    }
    if call.hash(&words[1])?.is_none() {
        let entry = Entry { content: Content::Hash(Hash::new()), expires_ms: None };
        call.store.database(call.client).insert(words[1].clone(), entry);
    }
    let hash = call.hash(&words[1])?.expect("it was there or was made");
    let new = words[2..].chunks_exact(2).filter(|pair| hash.insert(pair[0].clone(), pair[1].clone()).is_none());
    Ok(Value::Integer(new.count() as i64))
}

fn hget(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let hash = call.hash(&words[1])?;
    Ok(hash.and_then(|hash| hash.get(&words[2])).map_or(Value::Null, |value| Value::Bulk(value.clone())))
}

/// Fields in the order of their names; Redis has its own order, and promises none.
fn hgetall(call: &mut Call<'_>, words: Words<'_>) -> Result<Value, Value> {
    let mut all = Vec::new();
    for (field, value) in call.hash(&words[1])?.into_iter().flatten() {
        all.extend([Value::Bulk(field.clone()), Value::Bulk(value.clone())]);
    }
    Ok(Value::Array(all))
}
