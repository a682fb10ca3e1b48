#include "roles/external_sip_gate/trunk_state.h"

#include "base/certificate.h"
#include "base/json_text.h"

namespace tandem::roles::external_sip_gate {
namespace {

std::string_view to_string(TrunkLine::Health health) {
    switch (health) {
        case TrunkLine::Health::Unknown:
            return "unknown";
        case TrunkLine::Health::Up:
            return "up";
        case TrunkLine::Health::Down:
            return "down";
    }
    return "";
}

}  // namespace

std::string state_json(const TrunkLine& line, Now now, ports::Instance gate) {
    JsonWriter json;
    json.begin_object();
    json.field("trunk").value(line.trunk().id.text());
    json.field("name").value(line.trunk().name);
    json.field("mode").value(model::to_string(line.trunk().mode));
    json.field("up").value(line.is_up(now.mono));
    if (const Registration* registration = line.registration()) {
        const bool is_registered = registration->is_registered(now.mono);
        json.field("registered").value(is_registered);
        if (is_registered) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                *registration->until() - now.mono);
            json.field("registered_until")
                .value(to_rfc3339(UtcTime{now.utc.unix_ms + left.count()}));
        }
    }
    std::string trouble = line.trouble(now.mono);
    if (const auto end = certificate_end(line.trunk().tls_certificate)) {
        json.field("tls_certificate_until").value(to_rfc3339(*end));
        if (*end < now.utc)
            trouble.append(trouble.empty() ? "" : "; ").append("its own certificate has expired");
    }
    if (!trouble.empty()) json.field("error").value(trouble);
    json.field("gate").value(static_cast<uint32_t>(gate.number));
    json.field("proxies").begin_list();
    for (const TrunkLine::Place& place : line.places()) {
        json.begin_object();
        json.field("address").value(place.address.text());
        json.field("transport").value(ports::to_string(place.transport));
        json.field("state").value(to_string(place.health));
        json.end_object();
    }
    json.end_list();
    json.end_object();
    return json.take();
}

}  // namespace tandem::roles::external_sip_gate
