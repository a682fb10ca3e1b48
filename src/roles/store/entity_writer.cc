#include "roles/store/entity_writer.h"

#include "base/certificate.h"
#include "model/patch.h"
#include "model/secret.h"
#include "model/trunk_credentials.h"
#include "roles/store/audit.h"
#include "roles/store/certificate_pair.h"
#include "roles/store/entity_ops.h"
#include "roles/store/entity_reader.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"
#include "roles/store/music_rules.h"
#include "routing/dial_plan_check.h"

namespace tandem::roles::store_role {
namespace {

using model::Audience;
using model::Source;
using ports::EntityRequest;
using ports::EntityVerb;
using store::Compare;

struct Envelope {
    uint64_t version = 1;
    std::string_view previous;  // whose unknown fields survive
};

// What is given at creation, for the kinds that have it.
template <typename T>
Result<void> give_identity(const WriteScope& scope, const EntityRequest& request, T& value) {
    if constexpr (requires { value.domain; })
        value.domain = TRY(resolve_domain(scope.catalog, request.domain));
    if constexpr (store::IsPerAccount<T>)
        value.id = TRY(resolve_account(scope.catalog, value.domain, request.id));
    else if constexpr (requires { value.id; })
        value.id = decltype(value.id)::mint(scope.now, scope.rng);
    if constexpr (std::is_same_v<T, model::Server>) value.node = TRY(free_node(scope.catalog));
    return {};
}

// What an entity keeps of its input beyond its fields.
template <typename T>
Result<void> complete(const WriteScope&, std::string_view, const T*, T&) {
    return {};
}
// Where nobody says which process is to host it, the server's own does.
Result<void> complete(const WriteScope& scope, std::string_view body,
                      const model::RoleInstance* before, model::RoleInstance& role) {
    const auto* server = scope.catalog.find_server(role.server);
    const bool moves = before == nullptr || before->server != role.server;
    if (server != nullptr && moves && !model::has_member(body, "node")) role.node = server->node;
    return {};
}
Result<void> complete(const WriteScope& scope, std::string_view body, const model::Domain* before,
                      model::Domain& domain) {
    if (before == nullptr && domain.realm.empty()) domain.realm = domain.name;
    return settle(
        scope, body,
        {"certificate", domain.certificate, before == nullptr ? nullptr : &before->certificate,
         domain.certificate_key_sealed});
}
// HA1 contains login and realm (RFC 7616 3.4.2), so a new login needs the password again.
Result<void> complete(const WriteScope& scope, std::string_view body, const model::Account* before,
                      model::Account& account) {
    const auto password = model::text_member(body, "password");
    if (password) {
        const auto* domain = scope.catalog.find_domain(account.domain);
        if (domain == nullptr)
            return make_error(ErrorCode::NotFound, "domain", "there is no such domain");
        const auto digests = model::compute_ha1(account.login, domain->realm, *password);
        account.credentials = model::seal_ha1(digests, scope.site_key, scope.rng);
        return {};
    }
    const bool renamed = before != nullptr && before->login != account.login;
    if (renamed && !account.credentials.empty())
        return make_error(ErrorCode::Missing, "password", "is required when the login changes");
    return {};
}
Result<void> complete(const WriteScope&, std::string_view body, const model::Music*,
                      model::Music& music) {
    return take_file(body, music);
}
// Whoever reads a list and writes it back has no passwords: those of the same realm and user stay.
Result<void> take_credentials(const WriteScope& scope, std::string_view body,
                              const model::Trunk* before, model::Trunk& trunk) {
    const auto given = model::text_members(body, "credentials", "password");
    if (!given && !trunk.credentials.empty()) return {};  // untouched
    std::vector<std::string> passwords;
    const auto known = before == nullptr ? std::vector<std::string>()
                                         : model::passwords_of(*before, scope.site_key);
    for (size_t i = 0; i < trunk.credentials.size(); ++i) {
        const model::TrunkCredential& each = trunk.credentials[i];
        std::optional<std::string> password = i < given->size() ? (*given)[i] : std::nullopt;
        for (size_t k = 0; !password && k < known.size(); ++k)
            if (before->credentials[k] == each) password = known[k];
        if (!password)
            return make_error(ErrorCode::Missing, "credentials[" + std::to_string(i) + "].password",
                              "is required");
        passwords.push_back(std::move(*password));
    }
    model::set_passwords(trunk, passwords, scope.site_key, scope.rng);
    return {};
}
Result<void> complete(const WriteScope& scope, std::string_view body, const model::Trunk* before,
                      model::Trunk& trunk) {
    if (const auto password = model::text_member(body, "password"))
        trunk.password_sealed = model::seal_text(*password, scope.site_key, scope.rng);
    TRY(take_credentials(scope, body, before, trunk));
    return settle(
        scope, body,
        {"tls_certificate", trunk.tls_certificate,
         before == nullptr ? nullptr : &before->tls_certificate, trunk.tls_certificate_key_sealed});
}
Result<void> complete(const WriteScope& scope, std::string_view, const model::QueueAgent* before,
                      model::QueueAgent& agent) {
    if (before != nullptr) forget_queues(scope.catalog, *before, agent);
    return {};
}
// A certificate and its key are judged together, whichever of them has changed.
Result<void> complete(const WriteScope& scope, std::string_view body, const model::SystemSettings*,
                      model::SystemSettings& system) {
    if (const auto key = model::text_member(body, "certificate_key")) {
        system.certificate_key_sealed = model::seal_text(*key, scope.site_key, scope.rng);
    }
    if (system.certificate_source != model::CertificateSource::Stored) return {};
    if (system.certificate.empty())
        return make_error(ErrorCode::Missing, "certificate", "is required for the source 'stored'");
    const auto key = model::unseal_text(system.certificate_key_sealed, scope.site_key);
    if (!key)
        return make_error(ErrorCode::Missing, "certificate_key",
                          "is required for the source 'stored'");
    return check_certificate(system.certificate, *key, scope.now);
}

// What a request makes of an entity beyond its body: secrets, which are hashed elsewhere or minted
// here. `shown`: what is shown this once.
template <typename T>
Result<void> take_secrets(const WriteScope&, const EntityRequest&, const T*, T&, std::string&) {
    return {};
}
Result<void> take_secrets(const WriteScope&, const EntityRequest& request,
                          const model::User* before, model::User& user, std::string&) {
    const bool given = model::text_member(request.body, "password").has_value();
    if (given && request.password_hash.empty())
        return make_error(ErrorCode::OutOfRange, "password", "must have 8 to 128 characters");
    if (given) user.password_hash = request.password_hash;
    const bool ends = request.end_sessions || given || (before != nullptr && !user.enabled);
    if (before != nullptr && ends) ++user.sign_ins_from;
    return {};
}
Result<void> take_secrets(const WriteScope& scope, const EntityRequest&,
                          const model::ApiToken* before, model::ApiToken& token,
                          std::string& shown) {
    if (before != nullptr) return {};
    const std::string secret = scope.rng.token(api_token_secret_length);
    token.secret_hash = hash_hex(HashAlgorithm::Sha256, secret);
    shown = "tandem_t_" + token.domain.text() + "." + token.id.text() + "." + secret;
    return {};
}

// What is told about an entity in the answer to its change, and kept nowhere.
template <typename T>
void tell_findings(const WriteScope&, const T&, EntityChange&) {}
void tell_findings(const WriteScope& scope, const model::DialRule& rule, EntityChange& change) {
    model::DialRule told = rule;
    told.findings = routing::check_in_plan(scope.catalog, rule);
    change.reply.json = model::encode(told, Audience::Api);
}

// What two writes at once could each find free.
Result<void> claim_range(const WriteScope& scope, const model::NumberRange& range, Claims& claims) {
    if (scope.licences.range_being_written(range) != nullptr)
        return make_error(ErrorCode::Unavailable, "",
                          "a range with some of these numbers is being written: try again");
    Claim claim;
    claim.range = range;
    claims.push_back(std::move(claim));
    return {};
}

// What a change takes of the licences at or above its domain.
template <typename T>
Result<Claims> claims_of(const WriteScope& scope, const Transition<T>& change) {
    const LicenceScope licences{scope.catalog, scope.licences};
    using store::Quantity;
    Claims claims;
    const bool is_new = change.before == nullptr;
    if constexpr (std::is_same_v<T, model::Account>) {
        if (is_new) TRY(claim_one(licences, change.after->domain, Quantity::Accounts, claims));
    } else if constexpr (std::is_same_v<T, model::User>) {
        if (is_new) TRY(claim_one(licences, change.after->domain, Quantity::Users, claims));
    } else if constexpr (std::is_same_v<T, model::Trunk>) {
        if (is_new) TRY(claim_one(licences, change.after->domain, Quantity::Trunks, claims));
    } else if constexpr (std::is_same_v<T, model::NumberRange>) {
        if (!is_new) TRY(claim_range(scope, *change.before, claims));
        TRY(claim_range(scope, *change.after, claims));
    } else if constexpr (std::is_same_v<T, model::Licence>) {
        TRY(claim_licence(licences, *change.before, *change.after, claims));
    } else if constexpr (std::is_same_v<T, model::Domain>) {
        if (!is_new) TRY(claim_move(licences, *change.before, *change.after, claims));
        if (is_new && change.after->parent)
            TRY(claim_one(licences, *change.after->parent, Quantity::ChildDomains, claims));
    }
    return claims;
}

// The whole of a change, from what it starts with and what it leads to.
template <typename T>
EntityChange change_of(const WriteScope& scope, const EntityRequest& request,
                       const Transition<T>& change, store::Member write) {
    write.ops.push_back(audit_put(change, request.actor, scope.now, scope.rng));
    EntityChange out;
    out.write = std::move(write);
    if (change.before != nullptr) out.before = model::encode(*change.before, Audience::Api);
    if (change.after != nullptr) out.reply.json = model::encode(*change.after, Audience::Api);
    out.id = id_text(change.after != nullptr ? *change.after : *change.before);
    return out;
}

template <typename T>
EntityChange finish(const WriteScope& scope, const EntityRequest& request,
                    const Transition<T>& change, const Envelope& envelope, store::Member write) {
    put_value(*change.after, {scope.now, scope.writer}, envelope.version, envelope.previous, write);
    EntityChange out = change_of(scope, request, change, std::move(write));
    out.reply.etag = std::to_string(envelope.version);
    return out;
}

template <typename T>
Result<EntityChange> create(const WriteScope& scope, const EntityRequest& request) {
    if (Kind<T>::cardinality == Cardinality::Single)
        return make_error(ErrorCode::Unsupported, "", "there is one already: change it");
    if constexpr (std::is_same_v<T, model::Music>) TRY(check_file_length(request.body));
    TRY(model::check_given(request.body, model::shape_of<T>()));
    T value = TRY(model::decode<T>(request.body, Source::Api));
    TRY(give_identity(scope, request, value));
    TRY(complete(scope, request.body, static_cast<const T*>(nullptr), value));
    std::string shown;
    TRY(take_secrets(scope, request, static_cast<const T*>(nullptr), value, shown));
    const Transition<T> transition{nullptr, &value};
    TRY(check_actor(scope.catalog, request, transition));
    TRY(check_rules(scope.catalog, value, Fresh::Yes));
    store::Member write;
    write.compares.push_back(Compare::absent(Kind<T>::key(value)));
    add_references(value, write);
    change_indexes<T>(nullptr, &value, write);
    Claims claims = TRY(claims_of(scope, transition));
    EntityChange change = finish(scope, request, transition, {1, {}}, std::move(write));
    change.claims = std::move(claims);
    tell_findings(scope, value, change);
    if constexpr (std::is_same_v<T, model::ApiToken>) {
        value.token = shown;
        change.reply.json = model::encode(value, Audience::Api);
    }
    return change;
}

Result<void> check_version(const EntityRequest& request, uint64_t version) {
    if (request.if_match.empty() || request.if_match == std::to_string(version)) return {};
    return make_error(ErrorCode::Conflict, "if_match",
                      "the entity has version " + std::to_string(version) + " by now");
}

// The document that the change leads to: the patched one, or the new one with what is fixed kept.
template <typename T>
Result<T> changed(const EntityRequest& request, const T& before) {
    if constexpr (std::is_same_v<T, model::Music>) TRY(check_file_length(request.body));
    const std::string current = model::encode(before, Audience::Store);
    const auto& shape = model::shape_of<T>();
    const std::string merged = TRY(model::merge_patch(current, request.body, shape));
    // Whole replacement: the merge above has only checked that nothing fixed is touched.
    const std::string& document = request.verb == EntityVerb::Patch ? merged : request.body;
    T after = TRY(model::decode<T>(document, Source::Api));
    if constexpr (requires { keep_fixed(before, after); }) keep_fixed(before, after);
    return after;
}

template <typename T>
Result<EntityChange> update(const WriteScope& scope, const EntityRequest& request,
                            const store::KeyValue* stored) {
    model::Stored<T> before;
    before.head.version = 0;
    store::Member write;
    if (stored != nullptr) {
        before = TRY(model::decode_stored<T>(stored->value));
        write.compares.push_back(Compare::mod_revision_is(stored->key, stored->mod_revision));
    } else if (Kind<T>::cardinality == Cardinality::Single) {
        TRY(give_identity(scope, request, before.value));
        write.compares.push_back(Compare::absent(Kind<T>::key(before.value)));
    } else {
        return make_error(ErrorCode::NotFound, "", "it has been removed meanwhile");
    }
    TRY(check_version(request, before.head.version));
    T after = TRY(changed(request, before.value));
    TRY(complete(scope, request.body, &before.value, after));
    std::string shown;
    TRY(take_secrets(scope, request, &before.value, after, shown));
    const Transition<T> transition{&before.value, &after};
    TRY(check_actor(scope.catalog, request, transition));
    TRY(check_rules(scope.catalog, after, Fresh::No));
    add_references(after, write);
    change_indexes(&before.value, &after, write);
    Envelope envelope{before.head.version + 1, {}};
    if (stored != nullptr) envelope.previous = stored->value;
    Claims claims = TRY(claims_of(scope, transition));
    EntityChange change = finish(scope, request, transition, envelope, std::move(write));
    change.claims = std::move(claims);
    tell_findings(scope, after, change);
    return change;
}

// What goes with an entity.
template <typename T>
void remove_belongings(const T& value, store::Member& write) {
    write.ops.push_back(store::Delete{Kind<T>::key(value)});
    change_indexes<T>(&value, nullptr, write);
}
// A domain goes when nothing is in it: also nothing that was written after the judgement.
void remove_belongings(const model::Domain& domain, store::Member& write) {
    std::vector<std::string> prefixes = {keys::accounts_of(domain.id), keys::users_of(domain.id),
                                         keys::child_domains_of(domain.id)};
    store::DomainKinds::each([&]<typename T>() {
        prefixes.push_back(keys::all_in_domain(domain.id, store::DomainKind<T>::segment));
    });
    for (const std::string& prefix : prefixes)
        write.compares.push_back(Compare::none_in(store::KeyRange::prefix(prefix)));
    write.ops.push_back(
        store::DeleteRange{store::KeyRange::prefix(keys::domain_prefix(domain.id))});
    write.ops.push_back(
        store::DeleteRange{store::KeyRange::prefix("binding/" + domain.id.text() + "/")});
    change_indexes<model::Domain>(&domain, nullptr, write);
}
void remove_belongings(const model::Account& account, store::Member& write) {
    write.ops.push_back(store::Delete{keys::account(account.domain, account.id)});
    write.ops.push_back(
        store::DeleteRange{store::KeyRange::prefix(keys::bindings_of(account.domain, account.id))});
    change_indexes<model::Account>(&account, nullptr, write);
    store::DomainKinds::each([&]<typename T>() {
        if constexpr (store::IsPerAccount<T>)
            write.ops.push_back(store::Delete{
                keys::in_domain(account.domain, store::DomainKind<T>::segment, account.id.bits)});
    });
}

template <typename T>
Result<EntityChange> remove(const WriteScope& scope, const EntityRequest& request,
                            const store::KeyValue* stored) {
    if (stored == nullptr)
        return make_error(ErrorCode::NotFound, "", "it has been removed meanwhile");
    const auto before = TRY(model::decode_stored<T>(stored->value));
    TRY(check_version(request, before.head.version));
    const Transition<T> transition{&before.value, nullptr};
    TRY(check_actor(scope.catalog, request, transition));
    TRY(check_unused(scope.catalog, before.value));
    Claims claims;
    if constexpr (std::is_same_v<T, model::NumberRange>)
        TRY(claim_range(scope, before.value, claims));
    store::Member write;
    write.compares.push_back(Compare::mod_revision_is(stored->key, stored->mod_revision));
    remove_belongings(before.value, write);
    EntityChange change = change_of(scope, request, transition, std::move(write));
    change.claims = std::move(claims);
    return change;
}

template <typename T>
Result<EntityChange> prepare(const WriteScope& scope, const EntityRequest& request,
                             const store::KeyValue* stored) {
    switch (request.verb) {
        case EntityVerb::Create:
            return create<T>(scope, request);
        case EntityVerb::Replace:
        case EntityVerb::Patch:
            return update<T>(scope, request, stored);
        case EntityVerb::Remove:
            return remove<T>(scope, request, stored);
        case EntityVerb::Read:
        case EntityVerb::List:
            break;
    }
    return make_error(ErrorCode::Unsupported, "", "reading writes nothing");
}

}  // namespace

Result<EntityChange> prepare_write(const WriteScope& scope, const EntityRequest& request,
                                   const store::KeyValue* stored) {
    Result<EntityChange> change = make_error(ErrorCode::NotFound, "", "there is no such kind");
    with_kind(request.kind, [&]<typename T>() { change = prepare<T>(scope, request, stored); });
    return change;
}

}  // namespace tandem::roles::store_role
