//! The other side of `tests/rpc_readers.sh`: writes messages of all wire forms for implementations that are not ours, reads what those have
//! written, and speaks RMI and RESP over loopback with theirs. The codecs do no input or output; this program does it for them.
//!
//! ```text
//! rpc_wire write FOLDER         messages of every form, and expected.json
//! rpc_wire read FOLDER          reads messages that others wrote under the same names
//! rpc_wire rmi-client PORT      looks an item service up in a registry, and calls it
//! rpc_wire rmi-server           prints its port; is registry and item service until its input ends
//! rpc_wire redis PORT           the same requests to a server and to our store; replies are compared byte for byte
//! ```

mod files;
mod redis;
mod rmi;
mod sample;

use std::error::Error;

/// What ends the program.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write", folder] => files::write(folder.as_ref()),
        ["read", folder] => files::read(folder.as_ref()),
        ["rmi-client", port] => rmi::client(port.parse()?),
        ["rmi-server"] => rmi::server(),
        ["redis", port] => redis::compare(port.parse()?),
        _ => Err("write FOLDER | read FOLDER | rmi-client PORT | rmi-server | redis PORT".into()),
    }
}
