#include "app/cli/entity_kinds.h"

namespace tandem::cli {

namespace {

const EntityKind kKinds[] = {
    {"domain",
     "domain",
     "domains",
     "tenants, each with its own accounts and numbers",
     "name",
     "name",
     false,
     {{"NAME", "name"}, {"REALM", "realm"}, {"BLOCKED", "settings.blocked"}, {"ID", "id"}},
     "no domains yet; 'tandem domain add NAME' makes one"},
    {"account",
     "account",
     "accounts",
     "SIP accounts of a domain",
     "login",
     "login",
     true,
     {{"LOGIN", "login"},
      {"NUMBER", "number"},
      {"NAME", "display_name"},
      {"ENABLED", "enabled"},
      {"ID", "id"}},
     "no accounts yet; 'tandem account add DOMAIN LOGIN' makes one"},
    {"user",
     "user",
     "users",
     "people of a domain",
     "login",
     "login",
     true,
     {{"LOGIN", "login"},
      {"NAME", "display_name"},
      {"EMAIL", "email"},
      {"ENABLED", "enabled"},
      {"ID", "id"}},
     "no users yet; 'tandem user add DOMAIN LOGIN' makes one"},
    {"range",
     "number_range",
     "number-ranges",
     "number ranges of a domain",
     "id",
     nullptr,
     true,
     {{"KIND", "kind"},
      {"PREFIX", "prefix"},
      {"FROM", "from"},
      {"TO", "to"},
      {"DESCRIPTION", "description"},
      {"ID", "id"}},
     "no number ranges yet; 'tandem range add DOMAIN --prefix 2' makes one"},
    {"licence",
     "licence",
     "licence",
     "how much a domain may have and use",
     nullptr,
     nullptr,
     true,
     {},
     ""},
    {"site",
     "site",
     "sites",
     "sites of the infrastructure",
     "name",
     "name",
     false,
     {{"NAME", "name"}, {"NUMBER", "number"}, {"ID", "id"}},
     "no sites"},
    {"server",
     "server",
     "servers",
     "servers of the infrastructure",
     "name",
     "name",
     false,
     {{"NAME", "name"},
      {"NODE", "node"},
      {"LINKS", "link_address"},
      {"ENABLED", "enabled"},
      {"ID", "id"}},
     "no servers"},
    {"interface",
     "interface",
     "interfaces",
     "network addresses of servers",
     "id",
     nullptr,
     false,
     {{"NAME", "name"},
      {"ADDRESS", "address"},
      {"ADVERTISED", "advertised_address"},
      {"SIP", "serves_signalling"},
      {"RTP", "serves_media"},
      {"HTTP", "serves_web"},
      {"ID", "id"}},
     "no interfaces"},
    {"role",
     "role_instance",
     "roles",
     "role instances of the logic layer",
     "number",
     nullptr,
     false,
     {{"NUMBER", "number"},
      {"ROLE", "role"},
      {"NODE", "node"},
      {"ENABLED", "enabled"},
      {"ID", "id"}},
     "no roles"},
    {"settings",
     "system",
     "settings",
     "settings of the whole system",
     nullptr,
     nullptr,
     false,
     {},
     ""},
};
}  // namespace

std::span<const EntityKind> all_kinds() {
    return kKinds;
}

const EntityKind* kind_of(std::string_view entity) {
    for (const EntityKind& kind : all_kinds()) {
        if (entity == kind.entity) return &kind;
    }
    return nullptr;
}

std::string EntityKind::path(const std::string& domain, const std::string& one) const {
    std::string path = "/api/v1/";
    if (in_domain) path += "domains/" + encode(domain) + "/";
    path += resource;
    if (!one.empty()) path += "/" + encode(one);
    return path;
}

}  // namespace tandem::cli
