//! What real clients send.

/// The body of a client: name, content type, and the body it makes of a JSON text and a CSV file.
pub type Client = (&'static str, &'static str, fn(&str, &[u8]) -> Vec<u8>);

fn lines(lines: &[&[u8]], end: &[u8]) -> Vec<u8> {
    lines.join(end)
}

/// What real clients send.
pub const CLIENTS: [Client; 5] = [
    ("raw PHP", "multipart/form-data; boundary=boundary;", |json, csv| {
        lines(
            &[
                b"--boundary",
                b"Content-Disposition: form-data; name='json'",
                b"Content-Type: application/json",
                b"",
                json.as_bytes(),
                b"--boundary",
                b"Content-Disposition: form-data; name='uploadFile'; filename='uploadFile.csv'",
                b"Content-Type: text/csv; charset=UTF-8",
                b"",
                csv,
                b"--boundary--",
            ],
            b"\n",
        )
    }),
    (".NET", "multipart/form-data; boundary=\"9f2c1d4e-0000-4000-8000-00000000abcd\"", |json, csv| {
        lines(
            &[
                b"--9f2c1d4e-0000-4000-8000-00000000abcd",
                b"Content-Type: application/json; charset=utf-8",
                b"Content-Disposition: form-data; name=json",
                b"",
                json.as_bytes(),
                b"--9f2c1d4e-0000-4000-8000-00000000abcd",
                b"Content-Type: text/csv",
                b"Content-Disposition: form-data; name=uploadFile; filename=upload.csv; filename*=utf-8''upload.csv",
                b"",
                csv,
                b"--9f2c1d4e-0000-4000-8000-00000000abcd--",
                b"",
            ],
            b"\r\n",
        )
    }),
    ("TypeScript", "multipart/form-data;boundary=-+-+-+-Boundary_h0a1b2c", |json, csv| {
        let pretty = format!("{{\n  {}\n}}", json.trim_matches(['{', '}']));
        lines(
            &[
                b"---+-+-+-Boundary_h0a1b2c",
                b"Content-Disposition: form-data; name=\"json\"",
                b"Content-Type: application/json;charset=UTF-8",
                b"",
                pretty.as_bytes(),
                b"---+-+-+-Boundary_h0a1b2c",
                b"Content-Disposition: form-data; name=\"uploadFile\"; filename=\"data.csv\"",
                b"Content-Type: text/csv;charset=UTF-8",
                b"",
                csv,
                b"",
                b"---+-+-+-Boundary_h0a1b2c--",
            ],
            b"\r\n",
        )
    }),
    ("curl", "multipart/form-data; boundary=------------------------d74496d66958873e", |json, csv| {
        lines(
            &[
                b"--------------------------d74496d66958873e",
                b"Content-Disposition: form-data; name=\"json\"",
                b"",
                json.as_bytes(),
                b"--------------------------d74496d66958873e",
                b"Content-Disposition: form-data; name=\"uploadFile\"; filename=\"data.csv\"",
                b"Content-Type: application/octet-stream",
                b"",
                csv,
                b"--------------------------d74496d66958873e--",
                b"",
            ],
            b"\r\n",
        )
    }),
    ("file first, without a boundary in the header", "multipart/form-data", |json, csv| {
        lines(
            &[
                b"--x",
                b"content-disposition: form-data; filename=data.csv; name=uploadFile",
                b"",
                csv,
                b"--x",
                b"content-disposition: form-data; name=json",
                b"",
                json.as_bytes(),
                b"--x--",
            ],
            b"\n",
        )
    }),
];
