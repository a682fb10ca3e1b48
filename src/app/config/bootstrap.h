// The bootstrap file of a server: what it must know before it can read the layers. Everything else
// lives in the store and is changed through the API. Documented in docs/configuration.md.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace tandem::app {

// What the layers begin with; read only while the data directory is empty.
struct FirstStart {
    uint16_t sip_port = 5060;   // UDP and TCP
    uint16_t sips_port = 5061;  // TLS
    uint16_t wss_port = 8444;   // SIP over WebSocket with TLS
    uint16_t http_port = 8080;
    uint16_t https_port = 8443;
    uint16_t rtp_port_min = 30000;
    uint16_t rtp_port_max = 39999;
    bool split_nodes = false;  // each role in a node of its own
};

// The etcd member that this server runs when the site's store is etcd (docs/operations.md). The
// layers say where it listens.
struct EtcdSettings {
    std::string program = "/usr/bin/etcd";
    bool automatic = true;  // the store moves to etcd when the second server joins
};

struct Bootstrap {
    std::string name;     // of this server
    std::string address;  // that phones reach; empty: found out
    // What other servers of the system reach it at: IP address and port, "192.0.2.7:7200". Read at
    // the first start and when it joins; then the layers have it.
    std::string link_address;
    std::string data;  // directory
    std::string log_level = "info";
    std::string log_format = "logfmt";  // or "json"
    std::string log_file;               // empty: standard error
    std::string tls_certificate;        // PEM files; empty: made by itself in data/tls
    std::string tls_key;
    uint32_t drain_max_s = 30;    // how long a graceful stop waits for calls
    bool drills_allowed = false;  // whether the API may kill or pause what runs here
    FirstStart first_start;
    EtcdSettings etcd;
};

// Reads TOML. An error names file, line, field and what is allowed.
Result<Bootstrap> parse_bootstrap(const std::string& text, const std::string& file_name);
Result<Bootstrap> load_bootstrap(const std::string& path);
// Without a file: all defaults.
Bootstrap default_bootstrap();

}  // namespace tandem::app
