//! The demo store: 22,200 real offices of Japan Post, a user with a token, and a `curl` line for each function.

use std::path::Path;

use renkei::{Blueprint, ImportRequest, NewToken, Store, Worker};

use crate::arguments::{Arguments, Stop};

/// Where the demo store is. It is made anew each time.
pub const STORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/output/host.db");
const DEFINITION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/offices.json");
const CSV: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/offices_cp932.csv");

/// Makes the store and prints how to call it.
pub fn make(base: &str, arguments: &Arguments) -> Result<Store, Stop> {
    remove(Path::new(STORE))?;
    let store = crate::options().create(true).open(STORE)?;
    let mut blueprint = Blueprint::from_json(&std::fs::read_to_string(DEFINITION)?)?;
    if !arguments.proxies.is_empty() {
        let trusted_proxies = arguments.proxies.clone();
        blueprint.access = Some(renkei::AccessSettings { trusted_proxies, ..Default::default() });
    }
    store.apply(&blueprint)?;
    let import = store.as_user("clerk")?.reserve_import(&ImportRequest::path("offices", "monthly", CSV))?;
    Worker::new(&store).run_until_idle()?;
    let counts = store.import_status(import.process_id)?.counts;
    let token = store.issue_token(&NewToken::of("clerk"))?;
    println!("{STORE} holds {} offices of Japan Post.", counts.inserted);
    println!("The token of its user \"clerk\" is {}", token.secret());
    println!("Paste these lines into a shell, in this order the first time; 20 calls a minute are allowed.");
    print_calls(&store, base, token.secret())?;
    Ok(store)
}

/// Removes what a demo before has left.
fn remove(store: &Path) -> Result<(), Stop> {
    let folder = store.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = store.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for entry in folder.read_dir()? {
        let entry = entry?;
        // The file, and those that stand beside it.
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn print_calls(store: &Store, base: &str, token: &str) -> Result<(), Stop> {
    let definitions = store.blueprint()?;
    let id = |id: Option<i64>| id.unwrap_or_default();
    let database = &definitions.databases[0];
    let db = id(database.id);
    let field = |code: &str| id(database.fields.iter().find(|field| field.code == code).and_then(|field| field.id));
    let detail = |code: &str| id(database.details.iter().find(|field| field.code == code).and_then(|field| field.id));
    let (list, search, import) =
        (id(definitions.lists[0].id), id(definitions.searches[0].id), id(definitions.imports[0].id));
    let (number, name, kind) = (field("number"), field("name"), field("kind"));
    let (visited, report, cost) = (detail("visited"), detail("report"), detail("cost"));
    let call = |function: &str, rest: &str| {
        format!("curl -sS -w '\\n' {base}/{function}/version/v1 -H 'X-HD-apitoken: {token}' {rest}")
    };
    let json = |function: &str, json: &str| call(function, &format!("-H 'Content-Type: application/json' -d '{json}'"));
    // Keeps an id of the answer for the next line, and shows the answer all the same.
    let keep = |name: &str, member: &str, call: String| {
        format!("{name}=$({call} | tee /dev/stderr | sed -E 's/.*\"{member}\":\"([0-9]+)\".*/\\1/')")
    };
    let file = format!("-F 'uploadFile=@{CSV};type=text/csv'");
    let lines = [
        ("view", json("apirecord/view", &format!(r#"{{"dbSchemaId":"{db}","keyId":"0608621","responseType":"1"}}"#))),
        (
            "regist",
            json(
                "apirecord/regist",
                &format!(
                    r#"{{"dbSchemaId":"{db}","values":{{"{number}":"9999999","{name}":"連携商事　東京本社","{kind}":"office"}}}}"#
                ),
            ),
        ),
        (
            "update",
            json(
                "apirecord/update",
                &format!(
                    r#"{{"dbSchemaId":"{db}","keyId":"9999999","values":{{"details":[{{"{visited}":"2026/01/15","{report}":"初回訪問","{cost}":"1200"}}]}}}}"#
                ),
            ),
        ),
        ("delete", json("apirecord/delete", &format!(r#"{{"dbSchemaId":"{db}","keyId":"9999999"}}"#))),
        (
            "csvexport",
            json(
                "api/csvexport",
                &format!(r#"{{"dbSchemaId":"{db}","listId":"{list}","searchId":"{search}","limit":5}}"#),
            ),
        ),
        ("fileupload", keep("file", "fileId", call("api/fileupload", &file))),
        (
            "csvimport",
            keep(
                "process",
                "processId",
                json(
                    "api/csvimport",
                    &format!(r#"{{"dbSchemaId":"{db}","importId":"{import}","fileId":"'"$file"'"}}"#),
                ),
            ),
        ),
        (
            "csvdataimport",
            call(
                "api/csvdataimport",
                &format!(r#"-F 'json={{"dbSchemaId":"{db}","importId":"{import}"}};type=application/json' {file}"#),
            ),
        ),
        ("checkcsvimportprocess", json("api/checkcsvimportprocess", r#"{"processId":"'"$process"'"}"#)),
    ];
    for (function, line) in lines {
        println!("\n# {function}\n{line}");
    }
    println!();
    Ok(())
}
