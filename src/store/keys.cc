#include "store/keys.h"

namespace tandem::store::keys {
namespace {

std::string join(std::string_view a, std::string_view b, std::string_view c = {},
                 std::string_view d = {}) {
    std::string out;
    out.reserve(a.size() + b.size() + c.size() + d.size());
    return out.append(a).append(b).append(c).append(d);
}

}  // namespace

std::string site(SiteId id) {
    return join("/i/site/", id.text());
}
std::string server(ServerId id) {
    return join("/i/server/", id.text());
}
std::string interface(InterfaceId id) {
    return join("/i/interface/", id.text());
}
std::string site_name(std::string_view name) {
    return join("/i/x/site-name/", name);
}
std::string server_name(std::string_view name) {
    return join("/i/x/server-name/", name);
}
std::string server_node(int node) {
    return join("/i/x/server-node/", std::to_string(node));
}
std::string role_instance(RoleInstanceId id) {
    return join("/l/role/", id.text());
}
std::string role_number(int number) {
    return join("/l/x/role-number/", std::to_string(number));
}
std::string domain_group(DomainGroupId id) {
    return join("/l/domain-group/", id.text());
}
std::string domain_group_root(DomainId root) {
    return join("/l/x/domain-group/", root.text());
}
std::string system_settings() {
    return "/l/system";
}

std::string domain_prefix(DomainId domain) {
    return join("/d/", domain.text(), "/");
}
std::string domain(DomainId domain) {
    return join("/d/", domain.text(), "/domain");
}
std::string licence(DomainId domain) {
    return join("/d/", domain.text(), "/licence");
}
std::string users_of(DomainId domain) {
    return join("/d/", domain.text(), "/user/");
}
std::string accounts_of(DomainId domain) {
    return join("/d/", domain.text(), "/account/");
}
std::string all_in_domain(DomainId domain, std::string_view segment) {
    return join("/d/", domain.text(), "/", segment) + '/';
}
std::string child_domains_of(DomainId parent) {
    return join("/x/child-domain/", parent.text(), "/");
}
std::string child_domain(DomainId parent, DomainId child) {
    return join(child_domains_of(parent), child.text());
}
std::string user(DomainId domain, UserId id) {
    return join(users_of(domain), id.text());
}
std::string account(DomainId domain, AccountId id) {
    return join(accounts_of(domain), id.text());
}
std::string in_domain(DomainId domain, std::string_view segment, Bits128 id) {
    return all_in_domain(domain, segment) + to_hex(id);
}
std::string name_in_domain(DomainId domain, std::string_view segment, std::string_view name) {
    return join(join("/d/", domain.text(), "/x/", segment), "/", name);
}
std::string login(DomainId domain, std::string_view login) {
    return join("/d/", domain.text(), "/x/login/", login);
}
std::string number(DomainId domain, std::string_view number) {
    return join("/d/", domain.text(), "/x/number/", number);
}
std::string user_login(DomainId domain, std::string_view login) {
    return join("/d/", domain.text(), "/x/user-login/", login);
}
std::string domain_name(std::string_view name) {
    return join("/x/domain-name/", name);
}

std::string bindings_of(DomainId domain) {
    return join("binding/", domain.text(), "/");
}
std::string bindings_of(DomainId domain, AccountId account) {
    return join(join("binding/", domain.text(), "/"), account.text(), "/");
}
std::string binding(DomainId domain, AccountId account, std::string_view binding) {
    return join(bindings_of(domain, account), binding);
}
std::string call(RoleInstanceId instance, CallId call) {
    return join(calls_of(instance), call.text());
}
std::string calls_of(RoleInstanceId instance) {
    return join("call/", instance.text(), "/");
}
std::string audit_outbox(AuditId record) {
    return std::string(audit_outbox_prefix) + record.text();
}
std::string cdr_outbox(CdrId cdr) {
    return join(cdr_outbox_prefix, cdr.text());
}
std::string cdr_seen(uint16_t instance_number) {
    return join(cdr_seen_prefix, std::to_string(instance_number));
}
std::string sequence(std::string_view writer) {
    return join("seq/", writer);
}
std::string leader(std::string_view group) {
    return join("leader/", group);
}
std::string leader_floor(std::string_view group) {
    return join("leader-floor/", group);
}
std::string fence(uint16_t instance_number) {
    return join(fence_prefix, std::to_string(instance_number));
}
std::string call_owner(CallId call) {
    return join("owner/", call.text());
}
std::string join_token(std::string_view secret_hash) {
    return join(join_token_prefix, secret_hash);
}

}  // namespace tandem::store::keys
