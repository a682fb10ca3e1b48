// The catalog: what a node knows of the three layers, typed, in memory, without I/O on a call's
// path.
//
// Catalog is an immutable snapshot; copying one copies a pointer. CatalogFeed makes them from the
// store's keys /i/, /l/ and /d/ (range, then watch). A write copies one path of a tree, never a
// domain.
//
// Owner and threads: one CatalogFeed a node, on one shard. References are counted without atomics,
// so snapshots are copied and dropped on that shard only. Another shard may read a snapshot through
// a const pointer while the owner keeps a copy of it until that shard has confirmed a newer one.
// Look-ups allocate nothing; pointers and views live as long as the snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "model/generated/domain.h"
#include "model/generated/domain_group.h"
#include "model/generated/interface.h"
#include "model/generated/licence.h"
#include "model/generated/role_instance.h"
#include "model/generated/server.h"
#include "model/generated/site.h"
#include "model/generated/system.h"
#include "model/generated/user.h"
#include "store/catalog_records.h"
#include "store/domain_kinds.h"
#include "store/kv.h"
#include "store/persistent_tree.h"

namespace tandem::store {

template <typename T>
using EntitiesById = PersistentTree<Entity<T>, keying::ById>;

// One domain: its own record and the trees of what belongs to it. catalog.cc adds the trees of the
// other kinds, so that a change of one of these concerns only those who name it.
struct DomainTrees : Counted {
    DomainId id;
    Ref<Entity<model::Domain>> domain;  // null while only its entities have been told
    Ref<Entity<model::Licence>> licence;
    PersistentTree<AccountRecord, keying::ById> accounts;
    PersistentTree<AccountRecord, keying::ByLogin> accounts_by_login;
    PersistentTree<AccountRecord, keying::ByNumber> accounts_by_number;
    EntitiesById<model::User> users;
    PersistentTree<Entity<model::User>, keying::ByLogin> users_by_login;
};
struct DomainNode;
void release(const DomainNode* node);

struct CatalogRoot final : Counted {
    Revision revision;
    // Of the last change of the infrastructure or logic layer.
    Revision layout_revision;
    // Counts changes of both layers and of domains themselves, not of what belongs to them.
    uint64_t outline = 0;
    uint64_t changes = 0;  // of entities that a domain has many of
    std::array<uint64_t, DomainKinds::count> changed_anywhere{};
    PersistentTree<DomainNode, keying::ById> domains;
    PersistentTree<Entity<model::Domain>, keying::ByName> domains_by_name;
    EntitiesById<model::Site> sites;
    EntitiesById<model::Server> servers;
    EntitiesById<model::Interface> interfaces;
    EntitiesById<model::RoleInstance> role_instances;
    PersistentTree<Entity<model::RoleInstance>, keying::ByNumber> role_instances_by_number;
    EntitiesById<model::DomainGroup> domain_groups;
    // Those of all domains: gates look for them without knowing the domain.
    EntitiesById<model::Trunk> trunks;
    uint64_t trunk_changes = 0;
    Ref<Entity<model::SystemSettings>> system;
};
void release(const CatalogRoot* root);

class Catalog {
 public:
    Catalog();  // empty, with default system settings

    Revision revision() const { return root_->revision; }
    Revision layout_revision() const { return root_->layout_revision; }
    uint64_t outline() const { return root_->outline; }

    // By DNS name, whose case does not matter (RFC 4343), or by id.
    const Entity<model::Domain>* find_domain(std::string_view name) const;
    const Entity<model::Domain>* find_domain(DomainId id) const;
    const Entity<model::Licence>* find_licence(DomainId domain) const;
    size_t domain_count() const { return root_->domains_by_name.size(); }

    // All of domain data is asked for with its domain.
    const AccountRecord* find_account(DomainId domain, AccountId id) const;
    const AccountRecord* find_account_by_login(DomainId domain, std::string_view login) const;
    const AccountRecord* find_account_by_number(DomainId domain, std::string_view number) const;
    size_t account_count(DomainId domain) const;
    const Entity<model::User>* find_user(DomainId domain, UserId id) const;
    const Entity<model::User>* find_user_by_login(DomainId domain, std::string_view login) const;
    size_t user_count(DomainId domain) const;
    // The other kinds of a domain (domain_kinds.h). Whoever asks includes the kind's own header.
    template <IsDomainKind T>
    const Entity<T>* find(DomainId domain, IdOf<T> id) const {
        return static_cast<const Entity<T>*>(find_of_kind(domain, index_of_kind<T>, id.bits));
    }
    template <IsDomainKind T>
    size_t count(DomainId domain) const {
        return count_of_kind(domain, index_of_kind<T>);
    }
    // Another number whenever the domain has others of the kind than before: for what is worked out
    // from all of them. 0: it never had any.
    template <IsDomainKind T>
    uint64_t changed(DomainId domain) const {
        return changed_of_kind(domain, index_of_kind<T>);
    }
    // The same for those of all domains together.
    template <IsDomainKind T>
    uint64_t changed_anywhere() const {
        return root_->changed_anywhere[index_of_kind<T>];
    }
    template <IsDomainKind T>
        requires(IsNamed<T>)
    const Entity<T>* find_by_name(DomainId domain, std::string_view name) const {
        return static_cast<const Entity<T>*>(find_of_kind(domain, index_of_kind<T>, ByName{name}));
    }
    template <IsDomainKind T>
        requires(IsNumbered<T>)
    const Entity<T>* find_by_number(DomainId domain, std::string_view number) const {
        return static_cast<const Entity<T>*>(
            find_of_kind(domain, index_of_kind<T>, ByNumber{number}));
    }

    const Entity<model::Site>* find_site(SiteId id) const { return root_->sites.find(id.bits); }
    const Entity<model::Server>* find_server(ServerId id) const {
        return root_->servers.find(id.bits);
    }
    const Entity<model::Interface>* find_interface(InterfaceId id) const {
        return root_->interfaces.find(id.bits);
    }
    const Entity<model::RoleInstance>* find_role_instance(RoleInstanceId id) const {
        return root_->role_instances.find(id.bits);
    }
    const Entity<model::RoleInstance>* find_role_instance(int number) const {
        return root_->role_instances_by_number.find(number);
    }
    const Entity<model::DomainGroup>* find_domain_group(DomainGroupId id) const {
        return root_->domain_groups.find(id.bits);
    }
    // In whatever domain it is.
    const Entity<model::Trunk>* find_trunk(TrunkId id) const;
    uint64_t trunk_changes() const { return root_->trunk_changes; }  // counts them
    const Entity<model::SystemSettings>& system() const { return *root_->system; }

    // Visits in the order of the named key, after `after`, until `visit` answers false. An empty
    // `after` begins at the first.
    template <typename Visit>
    void visit_domains(std::string_view after, Visit&& visit) const {
        root_->domains_by_name.visit_after(after, visit);
    }
    template <typename Visit>
    void visit_accounts(DomainId domain, std::string_view after_login, Visit&& visit) const {
        if (const DomainTrees* node = find_node(domain))
            node->accounts_by_login.visit_after(after_login, visit);
    }
    template <typename Visit>
    void visit_users(DomainId domain, std::string_view after_login, Visit&& visit) const {
        if (const DomainTrees* node = find_node(domain))
            node->users_by_login.visit_after(after_login, visit);
    }
    template <IsDomainKind T, typename Visit>
    void visit(DomainId domain, Visit&& visit) const {  // by id
        visit_of_kind(domain, index_of_kind<T>, nullptr, Visitor::of<T>(visit));
    }
    template <IsDomainKind T, typename Visit>
    void visit_after(DomainId domain, Bits128 after, Visit&& visit) const {
        visit_of_kind(domain, index_of_kind<T>, &after, Visitor::of<T>(visit));
    }
    template <typename Visit>
    void visit_sites(Visit&& visit) const {
        root_->sites.visit(visit);
    }
    template <typename Visit>
    void visit_servers(Visit&& visit) const {
        root_->servers.visit(visit);
    }
    template <typename Visit>
    void visit_interfaces(Visit&& visit) const {
        root_->interfaces.visit(visit);
    }
    template <typename Visit>
    void visit_role_instances(Visit&& visit) const {  // by number
        root_->role_instances_by_number.visit(visit);
    }
    template <typename Visit>
    void visit_trunks(Visit&& visit) const {
        root_->trunks.visit(visit);
    }
    template <typename Visit>
    void visit_domain_groups(Visit&& visit) const {
        root_->domain_groups.visit(visit);
    }

 private:
    friend class CatalogFeed;
    explicit Catalog(Ref<CatalogRoot> root) : root_(std::move(root)) {}
    const DomainTrees* find_node(DomainId id) const;

    // Entities of a kind that is known by its place in DomainKinds.
    struct ByName {
        std::string_view name;
    };
    struct ByNumber {
        std::string_view number;
    };
    struct Visitor {
        void* visit;
        bool (*call)(void* visit, const void* entity);

        template <typename T, typename Visit>
        static Visitor of(Visit& visit) {
            return {&visit, [](void* to, const void* entity) -> bool {
                        return (*static_cast<Visit*>(to))(*static_cast<const Entity<T>*>(entity));
                    }};
        }
    };
    const void* find_of_kind(DomainId domain, size_t kind, Bits128 id) const;
    const void* find_of_kind(DomainId domain, size_t kind, ByName by) const;
    const void* find_of_kind(DomainId domain, size_t kind, ByNumber by) const;
    size_t count_of_kind(DomainId domain, size_t kind) const;
    uint64_t changed_of_kind(DomainId domain, size_t kind) const;
    void visit_of_kind(DomainId domain, size_t kind, const Bits128* after, Visitor visitor) const;

    Ref<CatalogRoot> root_;
};

// Turns the store's keys into snapshots. First load() every item of the ranges
// keys::infrastructure, keys::logic and keys::domains, then on_watch() their batches. After a
// `Compacted` batch: reset(), and load again; snapshots taken before stay as they are.
class CatalogFeed {
 public:
    CatalogFeed() = default;
    // Goes on from a snapshot: for what would be.
    explicit CatalogFeed(const Catalog& base) : root_(base.root_) {}

    void reset();
    void load(const KeyValue& item);
    void on_watch(const WatchBatch& batch);
    void set_revision(Revision revision) {
        root().revision = revision;
        root().layout_revision = revision;
    }

    // What all of the above has made so far.
    Catalog snapshot() const { return Catalog(root_); }
    // Values that could not be read, by damage or from a version that we can't read. They are left
    // out (or stay as they were); the last one's key and error, for the log.
    uint64_t unreadable_count() const { return unreadable_count_; }
    const Error& last_unreadable() const { return last_unreadable_; }

 private:
    void put(const KeyValue& item);
    void erase(std::string_view key);
    void note_outline(std::string_view key);
    Result<void> put_in_domain(const KeyValue& item, DomainId domain, std::string_view kind);
    void follow_trunk(const DomainNode& node, std::string_view id);
    void erase_in_domain(DomainId domain, std::string_view kind, std::string_view id);
    CatalogRoot& root();  // the only copy, made when a snapshot holds it

    Ref<CatalogRoot> root_{Catalog().root_};
    uint64_t unreadable_count_ = 0;
    Error last_unreadable_;
};

}  // namespace tandem::store
