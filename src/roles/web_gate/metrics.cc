#include "roles/web_gate/metrics.h"

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string_view>

namespace tandem::roles::web_gate {
namespace {

namespace json = boost::json;

enum class Type : uint8_t { Counter, Gauge, Histogram };

// What each figure means. One that is not here is shown as a gauge without help.
struct Meaning {
    std::string_view figure;
    Type type;
    std::string_view help;
};
constexpr Meaning kMeanings[] = {
    {"up", Type::Gauge, "Whether the node answered; 0: it did not within a second."},
    {"build_info", Type::Gauge, "Always 1; the label has the version."},
    {"uptime_seconds", Type::Gauge, "Since the node started."},
    {"bindings", Type::Gauge, "Registered contacts."},
    {"registered_accounts", Type::Gauge, "Accounts with at least one registered contact."},
    {"register_requests", Type::Counter, "REGISTER requests that were handled."},
    {"register_challenges", Type::Counter, "REGISTER requests answered with a challenge."},
    {"register_refused", Type::Counter, "REGISTER requests with wrong credentials."},
    {"registrations", Type::Counter, "REGISTER requests that were accepted."},
    {"register_unwritten", Type::Counter, "Refreshes that needed no write to the store."},
    {"register_retransmissions", Type::Counter, "REGISTER requests that came again."},
    {"bindings_expired", Type::Counter, "Contacts that were not refreshed in time."},
    {"register_unavailable", Type::Counter, "REGISTER requests answered with 503."},
    {"binding_writes_open", Type::Gauge,
     "Writes of registrations that the store has not answered yet."},
    {"register_passed_on", Type::Counter,
     "REGISTER requests passed on to the copy that has the post or the domain."},
    {"register_refused_licence_devices", Type::Counter,
     "REGISTER requests refused as the licence allows no more devices."},
    {"domains_to_read", Type::Gauge, "Domains that were gained and are being read."},
    {"calls_refused_licence_concurrent_total", Type::Counter,
     "Calls refused as the licence allows no more at once."},
    {"calls_refused_licence_in_total", Type::Counter,
     "Calls refused as the licence of the called domain allows no more in at once."},
    {"calls_refused_licence_out_total", Type::Counter,
     "Calls refused as the licence of the caller's domain allows no more out at once."},
    {"calls_refused_trunk_total", Type::Counter,
     "Times that a trunk had no channel, or no call in this second, for a call."},
    {"calls_refused_licence_rate_total", Type::Counter,
     "Calls refused as the licence allows no more a second."},
    {"calls_licence_unchecked_total", Type::Counter,
     "Calls let through as nobody who knows the licence could be asked."},
    {"http_audited", Type::Counter, "Refusals and sign-ins written to the audit log."},
    {"media_ports_parked", Type::Gauge, "RTP ports that rest before they are used again."},
    {"messages_waiting", Type::Gauge, "Messages for accounts without a device."},
    {"messages_kept_total", Type::Counter, "Messages that were stored for later."},
    {"messages_refused_total", Type::Counter, "Messages that there was no room to store."},
    {"messages_delivered_total", Type::Counter, "Stored messages that a device took."},
    {"messages_undeliverable_total", Type::Counter, "Stored messages that no device can take."},
    {"messages_expired_total", Type::Counter, "Stored messages that waited for a week."},
    {"media_contexts", Type::Gauge, "Calls with media at this gate."},
    {"media_ports_used", Type::Gauge, "RTP and RTCP ports in use."},
    {"media_packets_relayed_total", Type::Counter, "RTP and RTCP packets passed on."},
    {"media_packets_refused_total", Type::Counter,
     "RTP and RTCP packets of strangers, forged or malformed."},
    {"media_gates", Type::Gauge, "Media gates that the controller knows."},
    {"media_contexts_placed_total", Type::Counter, "Calls that were given a media gate."},
    {"media_contexts_refused_total", Type::Counter, "Calls for which no media gate had room."},
    {"sip_received", Type::Counter, "Packets from phones."},
    {"sip_sent", Type::Counter, "Packets to phones."},
    {"sip_malformed", Type::Counter, "Packets that were no valid SIP."},
    {"sip_limited", Type::Counter, "Packets dropped for the rate of their source."},
    {"sip_banned", Type::Counter, "Packets dropped because their source is banned."},
    {"sip_strays", Type::Counter, "Responses and ACKs that belong to nobody."},
    {"sip_refused", Type::Counter, "Requests that the gate itself answered with 481 or 503."},
    {"sip_pings", Type::Counter, "OPTIONS that the gate itself answered."},
    {"sip_undeliverable", Type::Counter, "Requests that could not be sent."},
    {"sip_bans", Type::Counter, "Sources that were banned."},
    {"sip_requests_total", Type::Counter, "Requests from phones, by method."},
    {"sip_responses_total", Type::Counter, "Responses to phones, by method and status."},
    {"trunks", Type::Gauge, "Trunks that a gate looks after."},
    {"trunks_registered", Type::Gauge, "Trunks that are registered with their provider."},
    {"trunks_up", Type::Gauge, "Trunks over which calls can be made, as far as is known."},
    {"calls", Type::Gauge, "Calls under way."},
    {"calls_ended_and_kept", Type::Gauge, "Ended calls that still answer what phones repeat."},
    {"calls_total", Type::Counter, "Calls that began."},
    {"calls_ended_total", Type::Counter, "Calls that ended, by result."},
    {"calls_refused_overload_total", Type::Counter,
     "Calls refused because too many were under way."},
    {"calls_refused_total", Type::Counter, "Calls refused for other reasons."},
    {"calls_restored_total", Type::Counter, "Calls taken over from another life of an instance."},
    {"calls_adopted_total", Type::Counter, "Those of them that another instance had."},
    {"calls_unprotected_total", Type::Counter, "Calls answered before their snapshot was stored."},
    {"calls_not_indexed_total", Type::Counter, "Calls beyond the room of the index."},
    {"call_leases_refused_total", Type::Counter, "Leases of calls that a licence had no room for."},
    {"subscriptions", Type::Gauge, "Phones that are told how an account fares."},
    {"queue_callers", Type::Gauge, "Callers who wait in queues."},
    {"publications", Type::Gauge, "What phones have published of themselves, and goes on."},
    {"notifies_total", Type::Counter, "NOTIFYs that were sent to them."},
    {"call_followers", Type::Gauge, "Streams of events of calls that are open."},
    {"call_setup_seconds", Type::Histogram,
     "From INVITE to the first news of the far end (RFC 6076 4.3)."},
    {"challenges_total", Type::Counter, "Requests of callers answered with a challenge."},
    {"unknown_dialogs_total", Type::Counter, "Requests for dialogs that nobody knows."},
    {"cdr_total", Type::Counter, "Records of calls that were written."},
    {"sip_transactions", Type::Gauge, "SIP transactions under way."},
    {"sip_retransmissions_in_total", Type::Counter, "Requests that came again."},
    {"sip_retransmissions_out_total", Type::Counter, "Messages that were sent again."},
    {"sip_timeouts_total", Type::Counter, "Requests that were never answered."},
    {"entity_reads", Type::Counter, "Reads of entities."},
    {"entity_writes", Type::Counter, "Changes of entities."},
    {"entity_refused", Type::Counter, "Reads and changes that were refused."},
    {"cdrs_stored", Type::Counter, "Records that an ST has taken into its history."},
    {"cdrs_held", Type::Gauge, "Records in the outbox that another ST does not have yet."},
    {"records_forgotten_total", Type::Counter,
     "Records of calls and of the audit log that were older than they are kept."},
    {"store_writes_open", Type::Gauge, "Changes of entities that are not yet answered."},
    {"http_served", Type::Counter, "HTTP requests that were answered."},
    {"http_refused", Type::Counter, "HTTP requests refused for their token, form or number."},
    {"http_timed_out", Type::Counter, "HTTP requests that nobody answered in time."},
    {"http_pending", Type::Gauge, "HTTP requests under way."},
    {"sip_udp_received_total", Type::Counter, "SIP datagrams received."},
    {"sip_udp_sent_total", Type::Counter, "SIP datagrams sent."},
    {"sip_udp_lost_total", Type::Counter, "SIP datagrams that the socket would not take."},
    {"sip_connections", Type::Gauge, "Open TCP, TLS and WebSocket connections of phones."},
    {"sip_connections_opened_total", Type::Counter, "Connections that were opened."},
    {"sip_connections_refused_total", Type::Counter, "Connections refused for their number."},
    {"sip_connections_slow_total", Type::Counter,
     "Connections closed because they sent or read too slowly."},
    {"sip_connections_idle_total", Type::Counter, "Connections closed because nothing was said."},
    {"sip_connections_malformed_total", Type::Counter, "Connections closed for what was no SIP."},
    {"sip_handshakes_failed_total", Type::Counter, "TLS or WebSocket handshakes that failed."},
    {"sip_packets_failed_total", Type::Counter, "Packets that could not be sent."},
    {"http_connections", Type::Gauge, "Open HTTP connections."},
    {"http_connections_refused_total", Type::Counter, "HTTP connections refused for their number."},
    {"http_requests_total", Type::Counter, "HTTP requests received."},
    {"http_requests_waiting", Type::Gauge, "HTTP requests that wait for an answer."},
    {"links_up", Type::Gauge, "Links to other nodes that are up."},
    {"link_letters_received_total", Type::Counter, "Letters from other nodes."},
    {"link_letters_sent_total", Type::Counter, "Letters to other nodes."},
    {"link_letters_refused_total", Type::Counter,
     "Letters that a full or broken link would not take."},
    {"links_broken_total", Type::Counter, "Links that broke."},
    {"media_ports_open", Type::Gauge, "Sockets for RTP and RTCP that are open."},
    {"media_packets_received_total", Type::Counter, "Datagrams received at RTP and RTCP ports."},
    {"media_packets_sent_total", Type::Counter, "Datagrams sent from RTP and RTCP ports."},
    {"media_packets_lost_total", Type::Counter, "Datagrams that a socket would not take."},
    {"media_packets_oversized_total", Type::Counter, "Datagrams too long for RTP."},
    {"media_batches_total", Type::Counter, "System calls that carried datagrams."},
    {"journal_lines_lost_total", Type::Counter, "Log lines and HEP copies that were dropped."},
    {"process_resident_memory_bytes", Type::Gauge, "Memory of the process."},
    {"process_cpu_seconds_total", Type::Counter, "CPU time of the process."},
    {"process_open_fds", Type::Gauge, "Open file descriptors of the process."},
};

std::string_view to_string(Type type) {
    switch (type) {
        case Type::Counter:
            return "counter";
        case Type::Gauge:
            return "gauge";
        case Type::Histogram:
            return "histogram";
    }
    return "untyped";
}

bool is_part_of_histogram(std::string_view name, const Meaning& meaning) {
    if (meaning.type != Type::Histogram || !name.starts_with(meaning.figure)) return false;
    name.remove_prefix(meaning.figure.size());
    return name == "_bucket" || name == "_sum" || name == "_count";
}

const Meaning* meaning_of(std::string_view name) {
    for (const Meaning& each : kMeanings) {
        if (each.figure == name || is_part_of_histogram(name, each)) return &each;
    }
    return nullptr;
}

// Samples of one metric must stand together, under the name of the metric.
struct Metric {
    Type type = Type::Gauge;
    std::string_view help;
    std::string samples;
};
using Metrics = std::map<std::string, Metric>;

// [a-zA-Z0-9_]; whatever else becomes an underscore (Prometheus data model).
std::string metric_name(std::string_view name) {
    std::string text = "tandem_";
    for (const char c : name) {
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        text += plain ? c : '_';
    }
    return text;
}

// `figure` may carry labels of its own: calls_ended_total{result="busy"}.
void add_sample(std::string_view figure, const std::string& labels, const std::string& value,
                Metrics& metrics) {
    const size_t brace = std::min(figure.find('{'), figure.size());
    const std::string_view name = figure.substr(0, brace);
    const Meaning* meaning = meaning_of(name);
    std::string shown = metric_name(name);
    if (meaning && meaning->type == Type::Counter && !shown.ends_with("_total")) shown += "_total";
    const bool in_histogram = meaning && meaning->type == Type::Histogram;
    Metric& metric = metrics[in_histogram ? metric_name(meaning->figure) : shown];
    if (meaning) {
        metric.type = meaning->type;
        metric.help = meaning->help;
    }
    std::string all = labels;
    if (brace < figure.size()) {
        if (!all.empty()) all += ',';
        all += figure.substr(brace + 1, figure.size() - brace - 2);
    }
    metric.samples += shown + '{' + all + "} " + value + '\n';
}

void add_figures(const json::object& holder, const std::string& labels, Metrics& metrics) {
    const json::value* figures = holder.if_contains("figures");
    if (!figures || !figures->is_object()) return;
    for (const auto& [name, value] : figures->get_object()) {
        if (!value.is_number()) continue;
        add_sample({name.data(), name.size()}, labels, json::serialize(value), metrics);
    }
}

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    if (!value) return {};
    if (const json::string* text = value->if_string()) return {text->data(), text->size()};
    return json::serialize(*value);
}

// Of a number and a version, which need no escaping.
std::string label(std::string_view name, const std::string& value) {
    return std::string(name) + "=\"" + value + '"';
}

void add_node(const json::object& node, Metrics& metrics) {
    const std::string of_node = label("node", text_of(node, "node"));
    add_figures(node, of_node, metrics);
    if (text_of(node, "shard") == "0") {
        add_sample("uptime_seconds", of_node, text_of(node, "uptime_s"), metrics);
        add_sample("build_info", of_node + ',' + label("version", text_of(node, "version")), "1",
                   metrics);
    }
    const json::value* instances = node.if_contains("instances");
    if (!instances || !instances->is_array()) return;
    for (const json::value& each : instances->get_array()) {
        if (!each.is_object()) continue;
        const json::object& instance = each.get_object();
        add_figures(instance,
                    of_node + ',' + label("role", text_of(instance, "role")) + ',' +
                        label("instance", text_of(instance, "instance")),
                    metrics);
    }
}

}  // namespace

std::string metrics_text(const std::vector<std::string>& nodes,
                         const std::vector<uint16_t>& known) {
    Metrics metrics;
    std::vector<std::string> answered;
    for (const std::string& text : nodes) {
        boost::system::error_code error;
        const json::value node = json::parse(text, error);
        if (error || !node.is_object()) continue;
        add_node(node.get_object(), metrics);
        answered.push_back(text_of(node.get_object(), "node"));
    }
    for (const uint16_t each : known) {
        const std::string number = std::to_string(each);
        const bool is_up = std::find(answered.begin(), answered.end(), number) != answered.end();
        add_sample("up", label("node", number), is_up ? "1" : "0", metrics);
    }
    std::string out;
    for (const auto& [name, metric] : metrics) {
        out.append("# HELP ").append(name).append(" ").append(metric.help);
        out.append("\n# TYPE ").append(name).append(" ").append(to_string(metric.type));
        out.append("\n").append(metric.samples);
    }
    return out;
}

}  // namespace tandem::roles::web_gate
