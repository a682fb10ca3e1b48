#include "roles/web_gate/principal.h"

#include <charconv>

#include "base/bytes.h"
#include "base/crypto.h"
#include "model/generated/api_token.h"
#include "roles/web_gate/request_checks.h"
#include "store/catalog_rights.h"
#include "store/catalog_tree.h"

namespace tandem::roles::web_gate {
namespace {

constexpr std::string_view kTokenPrefix = "tandem_t_";
constexpr std::string_view kSessionPrefix = "tandem_s_";

Error unknown() {
    return make_error(ErrorCode::Unauthorized, "", "a valid Bearer token is needed");
}

bool equal(std::string_view a, std::string_view b) {
    return equals_constant_time(as_bytes(a), as_bytes(b));
}

std::string_view next_part(std::string_view& rest) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
    return part;
}

std::optional<int64_t> number_in(std::string_view text) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

void give_rights(const store::HeldRights& held, Principal& principal) {
    principal.own = held.own;
    principal.below = held.below;
}

Result<Principal> principal_of(const store::Catalog& catalog, const model::User& user,
                               std::string_view domain_name) {
    Principal principal;
    principal.kind = Principal::Kind::User;
    principal.name = user.login + "@" + std::string(domain_name);
    principal.domain = user.domain;
    principal.user = user.id;
    give_rights(store::rights_of(catalog, user.domain, user.id), principal);
    return principal;
}

Result<Principal> with_api_token(const store::Catalog& catalog, std::string_view text,
                                 UtcTime now) {
    const auto domain_id = DomainId::parse(next_part(text));
    const auto id = ApiTokenId::parse(next_part(text));
    if (!domain_id || !id) return unknown();
    const auto* domain = catalog.find_domain(*domain_id);
    const auto* token = catalog.find<model::ApiToken>(*domain_id, *id);
    const std::string hash = hash_hex(HashAlgorithm::Sha256, text);
    if (domain == nullptr || token == nullptr || !equal(hash, token->secret_hash)) return unknown();
    if (!token->enabled || (token->expires && *token->expires <= now)) return unknown();
    if (store::is_blocked(catalog, *domain_id, now))
        return make_error(ErrorCode::Forbidden, "", "the domain is blocked");
    Principal principal;
    principal.kind = Principal::Kind::Token;
    principal.name = "token " + token->name + "@" + domain->name;
    principal.domain = *domain_id;
    give_rights(store::rights_of(catalog, *domain_id, *id), principal);
    return principal;
}

}  // namespace

std::optional<model::Rights> Principal::rights_in(const store::Catalog& catalog,
                                                  DomainId other) const {
    if (is_operator()) return model::Rights::all();
    if (other == domain) return own;
    if (below.empty() || !store::is_below(catalog, other, domain)) return std::nullopt;
    return below;
}

ports::Actor Principal::actor(std::string_view address) const {
    return {name, std::string(address), domain, own.bits(), below.bits()};
}

std::string_view bearer_of(const ports::HttpRequest& request) {
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view value = header_of(request, "authorization");
    if (value.size() < kScheme.size()) return {};
    if (!equals_ignoring_case(value.substr(0, kScheme.size()), kScheme)) return {};
    return trim(value.substr(kScheme.size()));
}

Result<Principal> Gatekeeper::identify(const store::Catalog& catalog, std::string_view bearer,
                                       UtcTime now) const {
    if (bearer.starts_with(kTokenPrefix))
        return with_api_token(catalog, bearer.substr(kTokenPrefix.size()), now);
    if (bearer.starts_with(kSessionPrefix))
        return session(catalog, bearer.substr(kSessionPrefix.size()), now);
    if (admin_token_.empty() || !equal(bearer, admin_token_)) return unknown();
    Principal principal;
    principal.name = "admin";
    principal.own = principal.below = model::Rights::all();
    return principal;
}

Result<Principal> Gatekeeper::session(const store::Catalog& catalog, std::string_view text,
                                      UtcTime now) const {
    const size_t last = text.rfind('.');
    if (last == std::string_view::npos) return unknown();
    if (!equal(signature_of(text.substr(0, last)), text.substr(last + 1))) return unknown();
    std::string_view rest = text;
    const auto domain_id = DomainId::parse(next_part(rest));
    const auto id = UserId::parse(next_part(rest));
    const auto expires = number_in(next_part(rest));
    const auto sign_ins = number_in(next_part(rest));
    if (!domain_id || !id || !expires || !sign_ins || *expires <= now.unix_ms) return unknown();
    const auto* domain = catalog.find_domain(*domain_id);
    const auto* user = catalog.find_user(*domain_id, *id);
    if (domain == nullptr || user == nullptr || !user->enabled) return unknown();
    if (user->sign_ins_from != *sign_ins) return unknown();
    if (store::is_blocked(catalog, *domain_id, now))
        return make_error(ErrorCode::Forbidden, "", "the domain is blocked");
    return principal_of(catalog, *user, domain->name);
}

std::string Gatekeeper::session_of(const model::User& user, UtcTime expires) const {
    const std::string text = user.domain.text() + "." + user.id.text() + "." +
                             std::to_string(expires.unix_ms) + "." +
                             std::to_string(user.sign_ins_from);
    return std::string(kSessionPrefix) + text + "." + signature_of(text);
}

std::string Gatekeeper::signature_of(std::string_view signed_part) const {
    const auto mac = hmac_sha256(session_key_, as_bytes(signed_part));
    return hex_encode(mac);
}

}  // namespace tandem::roles::web_gate
