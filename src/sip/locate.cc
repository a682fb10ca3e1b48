#include "sip/locate.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"

namespace tandem::sip {

namespace {

constexpr uint16_t kPort = 5060;
constexpr uint16_t kTlsPort = 5061;

uint16_t default_port(TargetTransport transport) {
    return transport == TargetTransport::Tls ? kTlsPort : kPort;
}

// RFC 3263 4.1; services of NAPTR records (RFC 3403) for the transports that we have.
std::optional<TargetTransport> transport_of_service(std::string_view service) {
    if (equals_ignoring_case(service, "SIP+D2U")) return TargetTransport::Udp;
    if (equals_ignoring_case(service, "SIP+D2T")) return TargetTransport::Tcp;
    if (equals_ignoring_case(service, "SIPS+D2T")) return TargetTransport::Tls;
    return std::nullopt;
}

std::string_view srv_prefix(TargetTransport transport) {
    switch (transport) {
        case TargetTransport::Udp:
            return "_sip._udp.";
        case TargetTransport::Tcp:
            return "_sip._tcp.";
        case TargetTransport::Tls:
            return "_sips._tcp.";
    }
    return "_sip._udp.";
}

// Names compare without case and without the dot of the root.
std::string canonical(std::string_view name) {
    while (name.ends_with('.')) name.remove_suffix(1);
    return to_lower(name);
}

}  // namespace

bool is_of_one_host(const SocketAddress& address) {
    const IpAddress& ip = address.ip;
    const bool is_v4 = ip.family == AddressFamily::V4;
    const bool is_this_network = is_v4 && ip.octets[0] == 0;
    const bool is_all = is_v4 && std::all_of(ip.octets.begin(), ip.octets.begin() + 4,
                                             [](uint8_t each) { return each == 255; });
    return address.port != 0 && !ip.is_unspecified() && !is_this_network && !is_all &&
           !ip.is_multicast();
}

std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, Rng& rng) {
    std::stable_sort(records.begin(), records.end(), [](const SrvRecord& a, const SrvRecord& b) {
        // Within a priority those of weight 0 come first, as RFC 2782 has it.
        return std::pair(a.priority, a.weight != 0) < std::pair(b.priority, b.weight != 0);
    });
    if (records.size() > locate_srv_records_max) records.resize(locate_srv_records_max);
    for (size_t at = 0; at < records.size(); ++at) {
        uint64_t sum = 0;
        size_t end = at;
        for (; end < records.size() && records[end].priority == records[at].priority; ++end) {
            sum += records[end].weight;
        }
        uint64_t drawn = rng.below(sum + 1);
        size_t chosen = at;
        while (chosen + 1 < end && drawn > records[chosen].weight) {
            drawn -= records[chosen].weight;
            ++chosen;
        }
        // The order of the others is kept, so that weight 0 stays in front.
        std::rotate(records.begin() + static_cast<std::ptrdiff_t>(at),
                    records.begin() + static_cast<std::ptrdiff_t>(chosen),
                    records.begin() + static_cast<std::ptrdiff_t>(chosen) + 1);
    }
    return records;
}

Locator::Locator(LocateRequest request, Rng& rng) : request_(std::move(request)), rng_(&rng) {
    begin();
}

bool Locator::supports(TargetTransport transport) const {
    if (request_.sips && transport != TargetTransport::Tls) return false;
    return std::find(request_.supported.begin(), request_.supported.end(), transport) !=
           request_.supported.end();
}

// RFC 3263 4.1: UDP for sip, TLS for sips, unless told otherwise.
TargetTransport Locator::default_transport() const {
    if (request_.transport) {
        const bool upgraded = request_.sips && *request_.transport == TargetTransport::Tcp;
        return upgraded ? TargetTransport::Tls : *request_.transport;
    }
    if (request_.sips) return TargetTransport::Tls;
    if (supports(TargetTransport::Udp)) return TargetTransport::Udp;
    return request_.supported.empty() ? TargetTransport::Udp : request_.supported.front();
}

void Locator::begin() {
    const TargetTransport transport = default_transport();
    if (!supports(transport)) {
        result_ = make_error(ErrorCode::Unsupported, "transport",
                             "the transport that the URI asks for is not offered");
        return;
    }
    const uint16_t port = request_.port.value_or(default_port(transport));
    if (const auto ip = IpAddress::parse(request_.host)) {
        result_ = std::vector<Target>{{transport, {*ip, port}, request_.host}};
        return;
    }
    request_.host = canonical(request_.host);
    if (request_.host.empty()) {
        result_ = make_error(ErrorCode::Malformed, "host", "the URI has no host");
        return;
    }
    if (request_.port) {
        hosts_.push_back({transport, request_.host, port});
        return ask_hosts();
    }
    if (request_.transport) {
        return ask_srv({{transport, std::string(srv_prefix(transport)) + request_.host, {}}});
    }
    ask(request_.host, DnsType::Naptr);
}

void Locator::ask(const std::string& name, DnsType type) {
    DnsQuestion question{canonical(name), type};
    const bool asked = std::find(waiting_.begin(), waiting_.end(), question) != waiting_.end();
    if (asked) return;
    waiting_.push_back(question);
    to_ask_.push_back(std::move(question));
}

std::vector<DnsQuestion> Locator::take_questions() {
    return std::exchange(to_ask_, {});
}

void Locator::on_answer(const DnsAnswer& answer) {
    const auto asked = std::find(waiting_.begin(), waiting_.end(), answer.question);
    if (asked == waiting_.end() || result_) return;
    waiting_.erase(asked);
    // Zones without NAPTR records are common, and servers that choke on the question, too: what
    // the SRV records say serves as well.
    if (answer.outcome == DnsAnswer::Outcome::Failed && step_ != Step::Naptr)
        facts_.is_partial = true;
    if (answer.outcome == DnsAnswer::Outcome::Records)
        facts_.ttl_s = std::min(facts_.ttl_s, answer.ttl_s);
    switch (step_) {
        case Step::Naptr:
            return on_naptr(answer);
        case Step::Srv:
            return on_srv(answer);
        case Step::Addresses:
            return on_addresses(answer);
    }
}

// RFC 3263 4.1: records of services that we support, in their order; without any, SRV records are
// tried for each transport.
void Locator::on_naptr(const DnsAnswer& answer) {
    std::vector<NaptrRecord> records = answer.naptr;
    std::stable_sort(records.begin(), records.end(),
                     [](const NaptrRecord& a, const NaptrRecord& b) {
                         return std::pair(a.order, a.preference) < std::pair(b.order, b.preference);
                     });
    std::vector<Service> services;
    for (const NaptrRecord& record : records) {
        const auto transport = transport_of_service(record.service);
        if (!transport || !supports(*transport) || record.replacement.empty()) continue;
        if (!equals_ignoring_case(record.flags, "s")) continue;
        services.push_back({*transport, canonical(record.replacement), {}});
    }
    if (services.empty()) return ask_default_services();
    ask_srv(std::move(services));
}

void Locator::ask_default_services() {
    std::vector<Service> services;
    for (const TargetTransport transport : request_.supported) {
        if (!supports(transport)) continue;
        services.push_back({transport, std::string(srv_prefix(transport)) + request_.host, {}});
    }
    ask_srv(std::move(services));
}

void Locator::ask_srv(std::vector<Service> services) {
    step_ = Step::Srv;
    if (services.size() > locate_srv_names_max) services.resize(locate_srv_names_max);
    services_ = std::move(services);
    for (const Service& service : services_) ask(service.name, DnsType::Srv);
    if (waiting_.empty()) srv_complete();
}

void Locator::on_srv(const DnsAnswer& answer) {
    for (Service& service : services_) {
        if (canonical(service.name) == answer.question.name) service.records = answer.srv;
    }
    if (waiting_.empty()) srv_complete();
}

void Locator::srv_complete() {
    uint16_t rank = 0;
    for (Service& service : services_) {
        if (!service.records) continue;
        std::optional<uint16_t> priority;
        for (const SrvRecord& record : order_srv(std::move(*service.records), *rng_)) {
            // RFC 2782: a target of "." says that there is no such service here.
            const std::string name = canonical(record.target);
            if (name.empty() || hosts_.size() >= locate_hosts_max) continue;
            if (priority.value_or(record.priority) != record.priority) ++rank;
            priority = record.priority;
            hosts_.push_back({service.transport, name, record.port, rank, record.weight});
        }
        ++rank;
    }
    if (hosts_.empty()) return fall_back_to_host();
    ask_hosts();
}

// RFC 3263 4.2: without SRV records the host itself is asked for.
void Locator::fall_back_to_host() {
    const TargetTransport transport = default_transport();
    hosts_.push_back({transport, request_.host, default_port(transport)});
    ask_hosts();
}

void Locator::ask_hosts() {
    step_ = Step::Addresses;
    for (const Host& host : hosts_) {
        const bool known = std::any_of(resolved_.begin(), resolved_.end(),
                                       [&](const Resolved& it) { return it.name == host.name; });
        if (known) continue;
        Resolved entry{host.name, {}, {}};
        if (const auto ip = IpAddress::parse(host.name)) {  // INTEROP: zones with an address here
            (ip->family == AddressFamily::V4 ? entry.v4 : entry.v6).push_back(*ip);
        } else {
            if (request_.ipv4) ask(host.name, DnsType::A);
            if (request_.ipv6) ask(host.name, DnsType::Aaaa);
        }
        resolved_.push_back(std::move(entry));
    }
    if (waiting_.empty()) finish();
}

void Locator::on_addresses(const DnsAnswer& answer) {
    for (Resolved& entry : resolved_) {
        if (entry.name != answer.question.name) continue;
        (answer.question.type == DnsType::A ? entry.v4 : entry.v6) = answer.addresses;
    }
    if (waiting_.empty()) finish();
}

void Locator::finish() {
    std::vector<Target> targets;
    uint16_t server = 0;
    for (const Host& host : hosts_) {
        const auto entry = std::find_if(resolved_.begin(), resolved_.end(),
                                        [&](const Resolved& it) { return it.name == host.name; });
        CHECK(entry != resolved_.end());
        for (const auto* addresses : {&entry->v4, &entry->v6}) {
            for (const IpAddress& ip : *addresses) {
                if (targets.size() >= locate_targets_max) break;
                const SocketAddress address{ip, host.port};
                if (!is_of_one_host(address)) {
                    if (!facts_.unfit) facts_.unfit = address;
                    continue;
                }
                targets.push_back(
                    {host.transport, address, host.name, host.rank, server, host.weight});
            }
        }
        ++server;
    }
    if (!targets.empty()) {
        result_ = std::move(targets);
    } else if (facts_.is_partial) {
        result_ = make_error(ErrorCode::Unavailable, "host", "the name servers do not answer", 503);
    } else {
        result_ = make_error(ErrorCode::NotFound, "host", "no address is known for the host", 404);
    }
}

}  // namespace tandem::sip
