//! nginx: the web server that most data on the web lie behind.

use std::{fs, path::Path, process::Command};

use super::{
    Started,
    http::succeeds,
    running::{Running, free_ports},
    scratch,
};
use crate::{process::Outcome, provision};

pub(super) fn start() -> Outcome<Started> {
    let nginx = provision::debian("nginx", "nginx")?;
    let folder = scratch("nginx")?;
    let [port] = free_ports()?;
    let data = folder.join("data");
    let settings = folder.join("nginx.conf");
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", folder.display());
    fs::create_dir(&data).map_err(failed)?;
    fs::write(data.join("hello"), "hello").map_err(failed)?;
    fs::write(&settings, configuration(&folder, port)).map_err(failed)?;
    let mut command = Command::new(nginx);
    command.arg("-p").arg(&folder).arg("-c").arg(&settings);
    let running = Running::start(folder, &mut command, || succeeds(port, "GET", "/hello", ""))?;
    let url = format!("http://127.0.0.1:{port}");
    let variables = vec![("ZSTORE_TEST_NGINX", url.into()), ("ZSTORE_TEST_NGINX_FOLDER", data.into_os_string())];
    Ok(Started { running, variables })
}

/// The folder at `/`, and the same at `/gzip/`, compressed on the way for whoever asks for it.
fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    // Started by root, its workers would become nobody, who may not read what we write; started by others, nginx ignores
    // the line.
    format!(
        r"daemon off;
user root root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/data;
        location /gzip/ {{
            alias {folder}/data/;
            gzip on;
            gzip_min_length 1;
            gzip_types *;
        }}
    }}
}}
"
    )
}
