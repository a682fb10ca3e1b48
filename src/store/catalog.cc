#include "store/catalog.h"

#include <array>
#include <string>

#include "model/entities.h"
#include "store/keys.h"

namespace tandem::store {

// A kind's entities by id, and by what else tells them apart.
struct Nothing {};
template <typename T>
struct TreesOfKind {
    EntitiesById<T> by_id;
    uint64_t changed = 0;  // see Catalog::changed
    [[no_unique_address]] std::conditional_t<IsNamed<T>, PersistentTree<Entity<T>, keying::ByName>,
                                             Nothing>
        by_name;
    [[no_unique_address]] std::conditional_t<
        IsNumbered<T>, PersistentTree<Entity<T>, keying::ByNumberText>, Nothing>
        by_number;
};

struct DomainNode final : DomainTrees {
    DomainKinds::Mapped<TreesOfKind> others;

    template <typename T>
    const TreesOfKind<T>& of() const {
        return others;
    }
    template <typename T>
    TreesOfKind<T>& of() {
        return others;
    }
    bool is_empty() const {
        return !domain && !licence && accounts.empty() && users.empty() &&
               !DomainKinds::any([this]<typename T>() { return !of<T>().by_id.empty(); });
    }
};

void release(const DomainNode* node) {
    delete node;
}

void release(const CatalogRoot* root) {
    delete root;
}

namespace {

// "/d/<domain>/account/<id>" and its like, cut at the slashes.
struct KeyParts {
    std::string_view layer;  // "i", "l", "d"
    std::array<std::string_view, 3> rest;
};

KeyParts cut(std::string_view key) {
    KeyParts parts;
    std::string_view* const slots[] = {&parts.layer, &parts.rest[0], &parts.rest[1],
                                       &parts.rest[2]};
    for (std::string_view* slot : slots) {
        if (!key.starts_with('/')) return parts;
        key.remove_prefix(1);
        *slot = key.substr(0, key.find('/'));
        key.remove_prefix(slot->size());
    }
    return parts;
}

template <typename T>
Result<Ref<Entity<T>>> read(const KeyValue& item) {
    auto stored = model::decode_stored<T>(item.value);
    if (!stored) return stored.error();
    auto* entity = new Entity<T>();
    static_cast<T&>(*entity) = std::move(stored->value);
    entity->version = stored->head.version;
    entity->revision = item.mod_revision;
    return Ref<Entity<T>>(entity);
}

// As read(), for entities that carry their id: it must be the one in the key.
template <typename T>
Result<Ref<Entity<T>>> read(const KeyValue& item, std::string_view id) {
    auto entity = TRY(read<T>(item));
    if (entity->id.text() != id)
        return make_error(ErrorCode::Malformed, "id", "is not the id in the key");
    return entity;
}

// An index entry is taken out only by the record that it points to: in one transaction two records
// may have exchanged their names.
template <typename Tree, typename Record, typename Key>
void erase_own(Tree& tree, Key key, const Record* record) {
    if (record != nullptr && tree.find(key) == record) tree.erase(key);
}

template <typename Tree, typename IdType>
auto find_text(const Tree& tree, std::string_view id, std::optional<IdType>& parsed) {
    parsed = IdType::parse(id);
    return parsed ? tree.find(parsed->bits) : nullptr;
}

template <typename T>
void drop(TreesOfKind<T>& trees, Bits128 id) {
    const Entity<T>* old = trees.by_id.find(id);
    if (old == nullptr) return;
    const Ref<Entity<T>> keep(old);
    if constexpr (IsNamed<T>) erase_own(trees.by_name, std::string_view(old->name), old);
    if constexpr (IsNumbered<T>) erase_own(trees.by_number, std::string_view(old->number), old);
    trees.by_id.erase(id);
}

template <typename T>
Result<void> put(TreesOfKind<T>& trees, const KeyValue& item, std::string_view id) {
    const auto entity = TRY(read<T>(item, id));
    drop(trees, entity->id.bits);
    trees.by_id.put(entity.get());
    if constexpr (IsNamed<T>) trees.by_name.put(entity.get());
    if constexpr (IsNumbered<T>)
        if (!entity->number.empty()) trees.by_number.put(entity.get());
    return {};
}

template <typename T>
Result<void> put_simple(EntitiesById<T>& tree, const KeyValue& item, std::string_view id) {
    const auto entity = TRY(read<T>(item, id));
    tree.put(entity.get());
    return {};
}

template <typename Tree>
void erase_simple(Tree& tree, std::string_view id) {
    if (const auto bits = bits128_from_hex(id)) tree.erase(*bits);
}

void drop_role(CatalogRoot& root, const Entity<model::RoleInstance>* old) {
    if (old == nullptr) return;
    const Ref<Entity<model::RoleInstance>> keep(old);
    erase_own(root.role_instances_by_number, old->number, old);
    root.role_instances.erase(old->id.bits);
}

Result<void> put_role(CatalogRoot& root, const KeyValue& item, std::string_view id) {
    const auto entity = TRY(read<model::RoleInstance>(item, id));
    drop_role(root, root.role_instances.find(entity->id.bits));
    root.role_instances.put(entity.get());
    root.role_instances_by_number.put(entity.get());
    return {};
}

void drop_account(DomainNode& node, const AccountRecord* old) {
    if (old == nullptr) return;
    const Ref<AccountRecord> keep(old);
    erase_own(node.accounts_by_login, old->login(), old);
    erase_own(node.accounts_by_number, old->number(), old);
    node.accounts.erase(old->id.bits);
}

Result<void> put_account(DomainNode& node, const KeyValue& item, std::string_view id) {
    const auto stored = TRY(model::decode_stored<model::Account>(item.value));
    if (stored.value.id.text() != id)
        return make_error(ErrorCode::Malformed, "id", "is not the id in the key");
    const Ref<AccountRecord> record(
        AccountRecord::make(stored.value, stored.head.version, item.mod_revision));
    if (!record) return make_error(ErrorCode::TooLarge, "login", "a text has more than 255 bytes");
    drop_account(node, node.accounts.find(record->id.bits));
    node.accounts.put(record.get());
    node.accounts_by_login.put(record.get());
    if (!record->number().empty()) node.accounts_by_number.put(record.get());
    return {};
}

void drop_user(DomainNode& node, const Entity<model::User>* old) {
    if (old == nullptr) return;
    const Ref<Entity<model::User>> keep(old);
    erase_own(node.users_by_login, std::string_view(old->login), old);
    node.users.erase(old->id.bits);
}

Result<void> put_user(DomainNode& node, const KeyValue& item, std::string_view id) {
    const auto entity = TRY(read<model::User>(item, id));
    drop_user(node, node.users.find(entity->id.bits));
    node.users.put(entity.get());
    node.users_by_login.put(entity.get());
    return {};
}

void drop_domain(CatalogRoot& root, DomainNode& node) {
    if (!node.domain) return;
    erase_own(root.domains_by_name, std::string_view(node.domain->name), node.domain.get());
    node.domain = {};
}

Result<void> put_domain(CatalogRoot& root, DomainNode& node, const KeyValue& item) {
    const auto entity = TRY(read<model::Domain>(item, node.id.text()));
    drop_domain(root, node);
    node.domain = entity;
    root.domains_by_name.put(entity.get());
    return {};
}

// The domain's node, out of its tree and with no other owner, so that it can be changed in place.
// An older snapshot keeps the old one.
Ref<DomainNode> take_out(CatalogRoot& root, DomainId id) {
    const DomainNode* old = root.domains.find(id.bits);
    if (old == nullptr) {
        auto* fresh = new DomainNode();
        fresh->id = id;
        return Ref<DomainNode>(fresh);
    }
    Ref<DomainNode> node(old);
    root.domains.erase(id.bits);
    if (node->references > 1) node = Ref<DomainNode>(new DomainNode(*old));
    return node;
}

DomainNode& writable(const Ref<DomainNode>& node) {
    return const_cast<DomainNode&>(*node);
}

template <typename T>
void note_change(CatalogRoot& root, DomainNode& node) {
    node.of<T>().changed = root.changed_anywhere[index_of_kind<T>] = ++root.changes;
}

void put_back(CatalogRoot& root, const Ref<DomainNode>& node) {
    if (!node->is_empty()) root.domains.put(node.get());
}

}  // namespace

// Looking up.

const DomainTrees* Catalog::find_node(DomainId id) const {
    return root_->domains.find(id.bits);
}

namespace {

// What `ask` answers for the trees of the kind with this index.
template <typename Ask>
auto ask_kind(const DomainNode* node, size_t kind, const Ask& ask) {
    decltype(ask(node->of<model::Grant>())) answer{};
    if (node == nullptr) return answer;
    DomainKinds::any([&]<typename T>() {
        if (kind != index_of_kind<T>) return false;
        answer = ask(node->of<T>());
        return true;
    });
    return answer;
}

}  // namespace

const void* Catalog::find_of_kind(DomainId domain, size_t kind, Bits128 id) const {
    return ask_kind(root_->domains.find(domain.bits), kind,
                    [&](const auto& trees) -> const void* { return trees.by_id.find(id); });
}

const void* Catalog::find_of_kind(DomainId domain, size_t kind, ByName by) const {
    return ask_kind(root_->domains.find(domain.bits), kind,
                    [&]<typename T>(const TreesOfKind<T>& trees) -> const void* {
                        if constexpr (IsNamed<T>) return trees.by_name.find(by.name);
                        return nullptr;
                    });
}

const void* Catalog::find_of_kind(DomainId domain, size_t kind, ByNumber by) const {
    return ask_kind(root_->domains.find(domain.bits), kind,
                    [&]<typename T>(const TreesOfKind<T>& trees) -> const void* {
                        if constexpr (IsNumbered<T>) return trees.by_number.find(by.number);
                        return nullptr;
                    });
}

size_t Catalog::count_of_kind(DomainId domain, size_t kind) const {
    return ask_kind(root_->domains.find(domain.bits), kind,
                    [](const auto& trees) { return trees.by_id.size(); });
}

uint64_t Catalog::changed_of_kind(DomainId domain, size_t kind) const {
    return ask_kind(root_->domains.find(domain.bits), kind,
                    [](const auto& trees) { return trees.changed; });
}

void Catalog::visit_of_kind(DomainId domain, size_t kind, const Bits128* after,
                            Visitor visitor) const {
    const auto each = [&](const auto& entity) { return visitor.call(visitor.visit, &entity); };
    ask_kind(root_->domains.find(domain.bits), kind, [&](const auto& trees) {
        return after == nullptr ? trees.by_id.visit(each) : trees.by_id.visit_after(*after, each);
    });
}

Catalog::Catalog() {
    auto* root = new CatalogRoot();
    root_ = Ref<CatalogRoot>(root);
    root->system = Ref<Entity<model::SystemSettings>>(new Entity<model::SystemSettings>());
}

const Entity<model::Domain>* Catalog::find_domain(std::string_view name) const {
    std::array<char, 256> lower;
    if (name.size() > lower.size()) return nullptr;
    for (size_t i = 0; i < name.size(); ++i)
        lower[i] = name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] + 32) : name[i];
    return root_->domains_by_name.find(std::string_view(lower.data(), name.size()));
}

const Entity<model::Trunk>* Catalog::find_trunk(TrunkId id) const {
    return root_->trunks.find(id.bits);
}

const Entity<model::Domain>* Catalog::find_domain(DomainId id) const {
    const DomainTrees* node = find_node(id);
    return node == nullptr ? nullptr : node->domain.get();
}

const Entity<model::Licence>* Catalog::find_licence(DomainId domain) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? nullptr : node->licence.get();
}

const AccountRecord* Catalog::find_account(DomainId domain, AccountId id) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? nullptr : node->accounts.find(id.bits);
}

const AccountRecord* Catalog::find_account_by_login(DomainId domain, std::string_view login) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? nullptr : node->accounts_by_login.find(login);
}

const AccountRecord* Catalog::find_account_by_number(DomainId domain,
                                                     std::string_view number) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? nullptr : node->accounts_by_number.find(number);
}

size_t Catalog::account_count(DomainId domain) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? 0 : node->accounts.size();
}

const Entity<model::User>* Catalog::find_user(DomainId domain, UserId id) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? nullptr : node->users.find(id.bits);
}

const Entity<model::User>* Catalog::find_user_by_login(DomainId domain,
                                                       std::string_view login) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? nullptr : node->users_by_login.find(login);
}

size_t Catalog::user_count(DomainId domain) const {
    const DomainTrees* node = find_node(domain);
    return node == nullptr ? 0 : node->users.size();
}

// Feeding.

CatalogRoot& CatalogFeed::root() {
    if (root_->references > 1) root_ = Ref<CatalogRoot>(new CatalogRoot(*root_));
    return const_cast<CatalogRoot&>(*root_);
}

void CatalogFeed::reset() {
    const uint64_t outline = root_->outline;
    const uint64_t changes = root_->changes;
    const uint64_t trunk_changes = root_->trunk_changes;
    root_ = Catalog().root_;
    root().outline = outline + 1;  // never the same number for another state
    root().changes = changes + 1;
    root().changed_anywhere.fill(changes + 1);
    root().trunk_changes = trunk_changes + 1;
}

void CatalogFeed::load(const KeyValue& item) {
    put(item);
}

void CatalogFeed::on_watch(const WatchBatch& batch) {
    if (batch.kind == WatchBatch::Kind::Compacted) return;
    for (const WatchEvent& event : batch.events) {
        if (event.kind == WatchEvent::Kind::Put)
            put(event.entry);
        else
            erase(event.entry.key);
        const bool is_layout = !event.entry.key.starts_with(keys::domains);
        if (is_layout) root().layout_revision = batch.revision;
    }
    root().revision = batch.revision;
}

void CatalogFeed::note_outline(std::string_view key) {
    if (!key.starts_with(keys::domains) || key.ends_with("/domain")) ++root().outline;
}

void CatalogFeed::put(const KeyValue& item) {
    note_outline(item.key);
    const KeyParts parts = cut(item.key);
    const auto& [kind, id, last] = parts.rest;
    Result<void> done;
    if (parts.layer == "i" && kind == "site") done = put_simple(root().sites, item, id);
    if (parts.layer == "i" && kind == "server") done = put_simple(root().servers, item, id);
    if (parts.layer == "i" && kind == "interface") done = put_simple(root().interfaces, item, id);
    if (parts.layer == "l" && kind == "role") done = put_role(root(), item, id);
    if (parts.layer == "l" && kind == "domain-group")
        done = put_simple(root().domain_groups, item, id);
    if (parts.layer == "l" && kind == "system") {
        auto entity = read<model::SystemSettings>(item);
        if (entity)
            root().system = *entity;
        else
            done = entity.error();
    }
    if (parts.layer == "d" && id != "x") {
        const auto domain = DomainId::parse(kind);
        if (domain) done = put_in_domain(item, *domain, id);
    }
    if (done) return;
    ++unreadable_count_;
    last_unreadable_ = done.error();
    last_unreadable_.message = item.key + ": " + last_unreadable_.message;
}

Result<void> CatalogFeed::put_in_domain(const KeyValue& item, DomainId domain,
                                        std::string_view kind) {
    const std::string_view id = cut(item.key).rest[2];
    const Ref<DomainNode> held = take_out(root(), domain);
    DomainNode& node = writable(held);
    Result<void> done;
    if (kind == "domain") done = put_domain(root(), node, item);
    if (kind == "account") done = put_account(node, item, id);
    if (kind == "user") done = put_user(node, item, id);
    DomainKinds::any([&]<typename T>() {
        if (kind != DomainKind<T>::segment) return false;
        done = store::put(node.of<T>(), item, id);
        note_change<T>(root(), node);
        return true;
    });
    if (kind == "licence") {
        auto entity = read<model::Licence>(item);
        if (entity)
            node.licence = *entity;
        else
            done = entity.error();
    }
    if (kind == DomainKind<model::Trunk>::segment) follow_trunk(node, id);
    put_back(root(), held);
    return done;
}

void CatalogFeed::follow_trunk(const DomainNode& node, std::string_view id) {
    const auto bits = bits128_from_hex(id);
    if (!bits) return;
    ++root().trunk_changes;
    if (const auto* trunk = node.of<model::Trunk>().by_id.find(*bits))
        root().trunks.put(trunk);
    else
        root().trunks.erase(*bits);
}

void CatalogFeed::erase(std::string_view key) {
    note_outline(key);
    const KeyParts parts = cut(key);
    const auto& [kind, id, last] = parts.rest;
    if (parts.layer == "i" && kind == "site") erase_simple(root().sites, id);
    if (parts.layer == "i" && kind == "server") erase_simple(root().servers, id);
    if (parts.layer == "i" && kind == "interface") erase_simple(root().interfaces, id);
    if (parts.layer == "l" && kind == "role") {
        std::optional<RoleInstanceId> parsed;
        drop_role(root(), find_text(root().role_instances, id, parsed));
    }
    if (parts.layer == "l" && kind == "domain-group") erase_simple(root().domain_groups, id);
    if (parts.layer == "l" && kind == "system") root().system = Catalog().root_->system;
    if (parts.layer != "d" || id == "x") return;
    if (const auto domain = DomainId::parse(kind)) erase_in_domain(*domain, id, last);
}

void CatalogFeed::erase_in_domain(DomainId domain, std::string_view kind, std::string_view id) {
    const Ref<DomainNode> held = take_out(root(), domain);
    DomainNode& node = writable(held);
    std::optional<AccountId> account;
    std::optional<UserId> user;
    if (kind == "domain") drop_domain(root(), node);
    if (kind == "account") drop_account(node, find_text(node.accounts, id, account));
    if (kind == "user") drop_user(node, find_text(node.users, id, user));
    DomainKinds::any([&]<typename T>() {
        if (kind != DomainKind<T>::segment) return false;
        if (const auto bits = bits128_from_hex(id)) drop(node.of<T>(), *bits);
        note_change<T>(root(), node);
        return true;
    });
    if (kind == "licence") node.licence = {};
    if (kind == DomainKind<model::Trunk>::segment) follow_trunk(node, id);
    put_back(root(), held);
}

}  // namespace tandem::store
