// What a node takes from the settings of the whole system while it runs: what is logged, where
// copies of signalling go, and which certificate TLS shows; and what it counts of itself.
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

#include "app/config/durable_file.h"
#include "app/node/node.h"
#include "model/secret.h"

namespace tandem::app {
namespace {

ports::LogLine line(ports::LogLine::Level level, std::string text) {
    return {level, std::move(text), {}, {}};
}

double resident_bytes() {
    long pages = 0;
    long total = 0;
    std::FILE* file = std::fopen("/proc/self/statm", "re");
    if (file == nullptr) return 0;
    if (std::fscanf(file, "%ld %ld", &total, &pages) != 2) pages = 0;
    std::fclose(file);
    return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

double open_files() {
    DIR* folder = opendir("/proc/self/fd");
    if (folder == nullptr) return 0;
    int count = -3;  // "." and ".." and this one
    while (readdir(folder) != nullptr) ++count;
    closedir(folder);
    return count;
}

}  // namespace

// The certificate as the settings say; where they leave it to the server, that of the bootstrap
// file.
Result<void> Node::load_certificates() {
    const auto& system = host_->catalog().system();
    switch (system.certificate_source) {
        case model::CertificateSource::Server:
            return tls_.load_files("default", bootstrap_.tls_certificate, bootstrap_.tls_key);
        case model::CertificateSource::File:
            return tls_.load_files("default", system.certificate_file, system.certificate_key_file);
        case model::CertificateSource::Stored:
            break;
    }
    const auto key = model::unseal_text(system.certificate_key_sealed, keys_.seal);
    if (!key) return make_error(ErrorCode::Malformed, "key", "the stored key cannot be unsealed");
    return tls_.load("default", {system.certificate, *key});
}

// Certificates that an operator replaces are taken up by new connections.
void Node::follow_certificates() {
    if (host_->is_serving()) domain_certificates_->follow(host_->catalog(), keys_.seal);
    const auto& system = host_->catalog().system();
    std::string stamp;
    switch (system.certificate_source) {
        case model::CertificateSource::Server:
            stamp = file_stamp(bootstrap_.tls_certificate) + file_stamp(bootstrap_.tls_key);
            break;
        case model::CertificateSource::File:
            stamp = file_stamp(system.certificate_file) + file_stamp(system.certificate_key_file);
            break;
        case model::CertificateSource::Stored:
            stamp = system.certificate + '|';
            stamp.append(system.certificate_key_sealed.begin(),
                         system.certificate_key_sealed.end());
            break;
    }
    if (stamp == certificate_stamp_) return;
    certificate_stamp_ = std::move(stamp);
    const auto loaded = load_certificates();
    if (loaded.has_value()) {
        return journal_->write(
            line(ports::LogLine::Level::Info, "took up the new TLS certificate"));
    }
    journal_->write(
        line(ports::LogLine::Level::Error,
             "the new TLS certificate is refused, the old one stays: " + loaded.error().message));
}

void Node::say_domain_certificate(const std::string& domain, const Result<void>& outcome) {
    if (outcome.has_value()) {
        return journal_->write(line(ports::LogLine::Level::Info,
                                    "took up the TLS certificate of the domain " + domain));
    }
    journal_->write(line(ports::LogLine::Level::Error,
                         "the TLS certificate of the domain " + domain +
                             " is refused, what was shown before stays: " + outcome.error().field +
                             " " + outcome.error().message));
}

void Node::follow_settings() {
    if (!host_->is_serving()) return;
    const auto& system = host_->catalog().system();
    if (settings_version_ == system.version) return;
    settings_version_ = system.version;
    const std::string level =
        system.log_level ? std::string(to_string(*system.log_level)) : bootstrap_.log_level;
    const auto set = journal_->set_level(level);
    if (!set.has_value()) {
        journal_->write(line(ports::LogLine::Level::Error, set.error().message));
    }
    set_hep_target(system.hep_target);
    follow_certificates();
}

void Node::set_hep_target(const std::string& target) {
    if (target.empty()) return journal_->set_hep_collector(std::nullopt);
    if (const auto address = SocketAddress::parse(target)) {
        return journal_->set_hep_collector(address);
    }
    sip::LocateRequest name;  // one with a port needs addresses only (RFC 3263 4.2)
    const size_t colon = target.rfind(':');
    name.host = target.substr(0, colon);
    name.port = static_cast<uint16_t>(std::atoi(target.c_str() + colon + 1));
    name.transport = sip::TargetTransport::Udp;
    resolver_->locate(
        name, rng_,
        [this, target](Result<std::vector<sip::Target>> found, const sip::LookUpFacts&) {
            if (host_->catalog().system().hep_target != target) return;
            if (found.has_value()) return journal_->set_hep_collector(found->front().address);
            journal_->set_hep_collector(std::nullopt);
            journal_->write(line(ports::LogLine::Level::Error,
                                 "hep_target " + target + ": " + found.error().message));
        });
}

roles::host::NodeHost::Figures Node::runtime_figures() const {
    roles::host::NodeHost::Figures all = transport_->figures();
    for (auto& each : http_->figures()) all.push_back(std::move(each));
    for (auto& each : links_->figures()) all.push_back(std::move(each));
    all.emplace_back("journal_lines_lost_total", static_cast<double>(journal_->dropped()));
    all.emplace_back("process_resident_memory_bytes", resident_bytes());
    all.emplace_back("process_cpu_seconds_total", cpu_seconds());
    all.emplace_back("process_open_fds", open_files());
    return all;
}

}  // namespace tandem::app
