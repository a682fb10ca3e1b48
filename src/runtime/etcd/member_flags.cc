#include "runtime/etcd/member_flags.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "runtime/etcd/limits.h"

namespace tandem::runtime {
namespace {

template <typename Number>
std::string text_of(Number number) {
    return std::to_string(number);
}

void add_tls(std::vector<std::string>& arguments, const std::string& prefix,
             const EtcdTlsFiles& tls) {
    if (!tls.is_set()) return;
    arguments.push_back("--" + prefix + "cert-file=" + tls.certificate);
    arguments.push_back("--" + prefix + "key-file=" + tls.key);
    arguments.push_back("--" + prefix + "trusted-ca-file=" + tls.ca);
    arguments.push_back("--" + prefix + "client-cert-auth");
}

std::string line_with(std::string_view text, size_t at) {
    const size_t before = text.rfind('\n', at);
    const size_t begin = before == std::string_view::npos ? 0 : before + 1;
    const size_t end = std::min(text.find('\n', at), text.size());
    constexpr size_t line_max = 400;
    return std::string(text.substr(begin, std::min(end - begin, line_max)));
}

}  // namespace

std::string etcd_url(const std::string& address, const EtcdTlsFiles& tls) {
    return (tls.is_set() ? "https://" : "http://") + address;
}

std::vector<std::string> etcd_arguments(const EtcdMemberSpec& spec) {
    const std::string client_url = etcd_url(spec.client_address, spec.client_tls);
    const std::string peer_url = etcd_url(spec.peer_address, spec.peer_tls);
    std::string cluster;
    for (const EtcdPeer& peer : spec.members)
        cluster +=
            (cluster.empty() ? "" : ",") + peer.name + "=" + etcd_url(peer.address, spec.peer_tls);
    const bool founds = spec.begin == EtcdMemberSpec::Begin::Found;
    std::vector<std::string> arguments{
        "--name=" + spec.name,
        "--data-dir=" + spec.data_directory,
        "--listen-client-urls=" + client_url,
        "--advertise-client-urls=" + client_url,
        "--listen-peer-urls=" + peer_url,
        "--initial-advertise-peer-urls=" + peer_url,
        "--initial-cluster=" + cluster,
        std::string("--initial-cluster-state=") + (founds ? "new" : "existing"),
        "--initial-cluster-token=" + spec.cluster_token,
        "--heartbeat-interval=" + text_of(etcd_heartbeat.count()),
        "--election-timeout=" + text_of(etcd_election.count()),
        // One that was cut off does not force an election upon those that were not.
        "--pre-vote",
        "--strict-reconfig-check",
        "--auto-compaction-mode=periodic",
        "--auto-compaction-retention=" + text_of(etcd_history.count()) + "m",
        "--snapshot-count=" + text_of(etcd_snapshot_count),
        "--quota-backend-bytes=" + text_of(etcd_quota_bytes),
        "--experimental-watch-progress-notify-interval=" + text_of(etcd_progress_notify.count()) +
            "s",
        "--logger=zap",
        "--log-outputs=stderr",
        "--log-level=warn",
    };
    add_tls(arguments, "", spec.client_tls);
    add_tls(arguments, "peer-", spec.peer_tls);
    return arguments;
}

std::string EtcdVersion::text() const {
    return text_of(major) + "." + text_of(minor) + "." + text_of(patch);
}

Result<EtcdVersion> parse_etcd_version(std::string_view text) {
    constexpr std::string_view label = "etcd Version:";
    if (const size_t at = text.find(label); at != std::string_view::npos)
        text.remove_prefix(at + label.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    std::array<int, 3> numbers{};
    for (size_t i = 0; i < numbers.size(); ++i) {
        const auto [rest, error] =
            std::from_chars(text.data(), text.data() + text.size(), numbers[i]);
        if (error != std::errc())
            return make_error(ErrorCode::Malformed, "version", "this is not a version of etcd");
        text.remove_prefix(static_cast<size_t>(rest - text.data()));
        if (i + 1 < numbers.size() && text.starts_with('.')) text.remove_prefix(1);
    }
    return EtcdVersion{numbers[0], numbers[1], numbers[2]};
}

Result<void> check_etcd_version(const EtcdVersion& version) {
    if (version.major == 3 && version.minor >= 4) return {};
    return make_error(ErrorCode::Unsupported, "etcd",
                      "etcd " + version.text() + " is installed; 3.4 or a later 3 is needed");
}

EtcdEnd judge_etcd_log(std::string_view tail) {
    using Kind = EtcdEnd::Kind;
    struct Sign {
        Kind kind;
        std::string_view text;
    };
    // The last start's lines are the last ones: the sign that stands nearest to the end counts.
    static constexpr Sign signs[] = {
        {Kind::Removed, "the member has been permanently removed from the cluster"},
        {Kind::Removed, "server has been removed from the cluster"},
        {Kind::Damaged, "crc mismatch"},
        // Records of its log (walpb, in protobuf) that can't be read at all.
        {Kind::Damaged, "\"error\":\"wal: "},
        {Kind::Damaged, "\"error\":\"proto: "},
        {Kind::Damaged, "failed to open WAL"},
        {Kind::Damaged, "failed to read WAL"},
        {Kind::Damaged, "cannot be repaired"},
        {Kind::Damaged, "failed to open database"},
        {Kind::Damaged, "failed to recover"},
        {Kind::Damaged, "failed to load snapshot"},
        {Kind::Damaged, "freepages: failed"},
        {Kind::Damaged, "unexpected fault address"},
        {Kind::Damaged, "is out of range [lastIndex"},
        {Kind::Damaged, "has already been bootstrapped"},
        {Kind::Refused, "address already in use"},
        {Kind::Refused, "cannot assign requested address"},
        {Kind::Refused, "member count is unequal"},
        {Kind::Refused, "cluster ID mismatch"},
        {Kind::Refused, "error validating peerURLs"},
        {Kind::Refused, "couldn't find local name"},
        {Kind::Refused, "permission denied"},
    };
    EtcdEnd end;
    size_t last = 0;
    for (const Sign& sign : signs) {
        const size_t at = tail.rfind(sign.text);
        if (at == std::string_view::npos || at + 1 <= last) continue;
        last = at + 1;
        end = {sign.kind, line_with(tail, at)};
    }
    return end;
}

}  // namespace tandem::runtime
