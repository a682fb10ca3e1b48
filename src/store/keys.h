// Where everything lives in the store. Values of entities are JSON envelopes (model/envelope.h),
// values of indexes are the id of the entity that holds the name.
//
//   /i/site/<id>  /i/server/<id>  /i/interface/<id>         infrastructure layer
//   /i/x/site-name/<name>  /i/x/server-name/<name>          unique names
//   /i/x/server-node/<node>                                 home nodes, likewise
//   /l/role/<id>  /l/system                                 logic layer
//   /l/domain-group/<id>                                    which group serves a domain's tree
//   /l/x/role-number/<number>                               the number that tokens carry
//   /l/x/domain-group/<domain>                              one for each tree
//   /d/<domain>/domain                                      the domain itself
//   /d/<domain>/licence                                     its licence
//   /d/<domain>/user/<id>  /account/<id>                    its entities
//   /d/<domain>/<kind>/<id>                                 and others (domain_kinds.h)
//   /d/<domain>/x/login/<login>  /x/number/<number>         unique in the domain
//   /d/<domain>/x/user-login/<login>  /x/<kind>/<name>
//   /x/domain-name/<name>                                   unique in the system
//   binding/<domain>/<account>/<binding>                    registrar
//   binding/<domain>/<account>/message/<key>                MESSAGEs that wait for a device
//   binding/~<instance number>  binding/~sharing            barriers of its copies; how its groups
//                                                           share the domains (group_sharing.h)
//   subscription/<domain>/<key>                             call state: who has subscribed to what
//   publication/<domain>/<key>                              and what phones have published
//   call/<instance>/<call>                                  snapshots of calls
//   outbox/audit/<record>                                   the audit log on its way to history
//   outbox/cdr/<cdr>                                        CDRs, likewise
//   outbox/seen/<instance number>                           up to where an ST has taken them
//   seq/<writer>                                            last batch of a Writer
//   leader/<group>                                          who is active in an A-P group
//   leader-floor/<group>                                    the last epoch of that group
//   fence/<instance number>                                 which incarnation may act
//   store/closed  store/attempt  store/copying              a move to another store (store/move.h)
//   join/<hash of its secret>                               tokens of servers that are to join
//   owner/<call>                                            who adopted a call from a dead instance
//   backup/mark                                             put by the last backup
//   (backup_reader.h)
//
// Domain data starts with '/d/<domain>/', so that one range holds one domain, ready to be copied,
// replicated or deleted.
#pragma once

#include <string>
#include <string_view>

#include "base/id.h"
#include "model/ids.h"

namespace tandem::store::keys {

// Ranges to follow for the catalog: everything under each of these.
inline constexpr std::string_view infrastructure = "/i/";
inline constexpr std::string_view logic = "/l/";
inline constexpr std::string_view domains = "/d/";

std::string site(SiteId id);
std::string server(ServerId id);
std::string interface(InterfaceId id);
std::string site_name(std::string_view name);
std::string server_name(std::string_view name);
std::string server_node(int node);
std::string role_instance(RoleInstanceId id);
std::string role_number(int number);
std::string domain_group(DomainGroupId id);
std::string domain_group_root(DomainId root);
std::string system_settings();

std::string domain_prefix(DomainId domain);  // "/d/<domain>/"
std::string domain(DomainId domain);
std::string licence(DomainId domain);
std::string user(DomainId domain, UserId id);
std::string account(DomainId domain, AccountId id);
// Of the other kinds (domain_kinds.h), by their segment.
std::string in_domain(DomainId domain, std::string_view segment, Bits128 id);
std::string all_in_domain(DomainId domain, std::string_view segment);  // prefix
std::string name_in_domain(DomainId domain, std::string_view segment, std::string_view name);
std::string login(DomainId domain, std::string_view login);
std::string number(DomainId domain, std::string_view number);
std::string user_login(DomainId domain, std::string_view login);
std::string domain_name(std::string_view name);
std::string accounts_of(DomainId domain);  // prefixes
std::string users_of(DomainId domain);
std::string child_domains_of(DomainId parent);
std::string child_domain(DomainId parent, DomainId child);

// Layers, indexes and bindings are neighbours, with the mark of backups between them.
inline constexpr std::string_view layers_begin = "/";
inline constexpr std::string_view backup_prefix = "backup/";
inline constexpr std::string_view backup_mark = "backup/mark";
inline constexpr std::string_view binding_prefix = "binding/";
std::string bindings_of(DomainId domain);                     // prefix of those of the domain
std::string bindings_of(DomainId domain, AccountId account);  // prefix of its bindings
std::string binding(DomainId domain, AccountId account, std::string_view binding);
std::string call(RoleInstanceId instance, CallId call);
std::string calls_of(RoleInstanceId instance);  // prefix
std::string cdr_outbox(CdrId cdr);
std::string audit_outbox(AuditId record);
inline constexpr std::string_view outbox_prefix = "outbox/";
inline constexpr std::string_view cdr_outbox_prefix = "outbox/cdr/";
inline constexpr std::string_view audit_outbox_prefix = "outbox/audit/";
inline constexpr std::string_view cdr_seen_prefix = "outbox/seen/";
std::string cdr_seen(uint16_t instance_number);
std::string sequence(std::string_view writer);
std::string leader(std::string_view group);
std::string leader_floor(std::string_view group);
inline constexpr std::string_view fence_prefix = "fence/";
std::string fence(uint16_t instance_number);
std::string call_owner(CallId call);
// Of the store itself: never copied to another one.
inline constexpr std::string_view store_prefix = "store/";
inline constexpr std::string_view store_closed = "store/closed";
inline constexpr std::string_view store_attempt = "store/attempt";
inline constexpr std::string_view store_copying = "store/copying";
inline constexpr std::string_view join_token_prefix = "join/";
std::string join_token(std::string_view secret_hash);

}  // namespace tandem::store::keys
