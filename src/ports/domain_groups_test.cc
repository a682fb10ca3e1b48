#include "ports/domain_groups.h"

#include <gtest/gtest.h>

#include "model/codec.h"
#include "ports/address.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::ports {
namespace {

DomainId domain(uint64_t n) {
    return {{5, n}};
}

TEST(GroupChoices, SpreadsTreesAndMovesAsFewAsPossible) {
    const GroupChoices two({1, 2}, {});
    const GroupChoices three({1, 2, 3}, {});
    int counts[4] = {};
    int moved = 0;
    for (uint64_t n = 0; n < 3000; ++n) {
        const int before = two.group_of(domain(n));
        const int after = three.group_of(domain(n));
        ++counts[after];
        if (before == after) continue;
        ++moved;
        EXPECT_EQ(after, 3);
    }
    for (int group = 1; group <= 3; ++group) EXPECT_NEAR(counts[group], 1000, 150);
    EXPECT_EQ(moved, counts[3]);
    EXPECT_EQ(GroupChoices({}, {}).group_of(domain(1)), 0);
    EXPECT_EQ(GroupChoices({7}, {}).group_of(domain(1)), 7);
}

TEST(GroupChoices, AnAssignmentCountsWhereItsGroupIs) {
    const uint64_t n = 4;
    const int drawn = GroupChoices({1, 2}, {}).group_of(domain(n));
    const int other = 3 - drawn;
    const GroupChoices assigned({2, 1}, {{domain(n), other}});
    EXPECT_EQ(assigned.group_of(domain(n)), other);
    const GroupChoices lost({1, 2}, {{domain(n), 9}});
    EXPECT_EQ(lost.group_of(domain(n)), drawn);
    EXPECT_EQ(lost, GroupChoices({1, 2}, {}));
    EXPECT_EQ(GroupChoices({1, 1}, {{domain(n), 1}}), GroupChoices()) << "there is but one";
}

TEST(GroupChoices, HaveADigestByWhichTheyAreKnown) {
    EXPECT_EQ(GroupChoices().digest(), 0u);
    EXPECT_NE(GroupChoices({2}, {}).digest(), 0u);
    const GroupChoices two({1, 2}, {{domain(1), 2}});
    EXPECT_EQ(two.digest(), GroupChoices({2, 1}, {{domain(1), 2}}).digest());
    EXPECT_NE(two.digest(), GroupChoices({1, 2}, {{domain(1), 1}}).digest());
    EXPECT_NE(two.digest(), GroupChoices({1, 2}, {{domain(2), 2}}).digest());
    EXPECT_NE(two.digest(), GroupChoices({1, 2}, {}).digest());
}

struct Layers {
    template <typename T>
    void load(std::string key, const T& value) {
        feed.load({std::move(key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
    }
    void add_copy(uint64_t number, model::RoleCode code, int group, bool enabled = true) {
        model::RoleInstance role;
        role.id = {{1, number}};
        role.role = code;
        role.number = static_cast<int>(number);
        role.group = group;
        role.enabled = enabled;
        load(store::keys::role_instance(role.id), role);
    }
    void add_domain(uint64_t n, std::optional<uint64_t> parent) {
        model::Domain entity;
        entity.id = domain(n);
        entity.name = "d" + std::to_string(n) + ".test";
        if (parent) entity.parent = domain(*parent);
        load(store::keys::domain(entity.id), entity);
    }
    store::CatalogFeed feed;
};

TEST(DomainGroups, ATreeGoesTogether) {
    Layers layers;
    layers.add_copy(11, model::RoleCode::Sr, 1);
    layers.add_copy(12, model::RoleCode::Sr, 2);
    layers.add_copy(13, model::RoleCode::Sr, 3, false);
    layers.add_copy(21, model::RoleCode::Cs, 1);
    layers.add_domain(1, {});
    layers.add_domain(2, 1);
    layers.add_domain(3, 2);
    for (const int group : {1, 2}) {
        model::DomainGroup assigned;
        assigned.id = {{2, 1}};
        assigned.root = domain(1);
        assigned.sr = group;
        assigned.cs = 5;
        layers.load(store::keys::domain_group(assigned.id), assigned);
        const store::Catalog catalog = layers.feed.snapshot();
        const DomainGroups groups = domain_groups_of(catalog);
        EXPECT_EQ(groups.registrar.groups(), (std::vector<int>{1, 2}));
        EXPECT_FALSE(groups.call_state.is_shared());
        Directory directory;
        directory.replace({{{11}, RoleKind::Registrar},
                           {{12}, RoleKind::Registrar, 1, 100, true, 1, false, true, false, 2},
                           {{21}, RoleKind::CallState}});
        const uint64_t generation = directory.generation();
        directory.set_groups(groups);
        directory.set_groups(domain_groups_of(catalog));
        EXPECT_EQ(directory.generation(), generation + 1);
        const Instance expected{static_cast<uint16_t>(10 + group)};
        for (const uint64_t n : {1, 2, 3}) {
            EXPECT_EQ(root_of(catalog, domain(n)), domain(1));
            EXPECT_EQ(directory.active(RoleKind::Registrar, domain(n)), expected);
            EXPECT_EQ(directory.active(RoleKind::CallState, domain(n)), Instance{21});
        }
        EXPECT_EQ(directory.actives(RoleKind::Registrar).size(), 2u);
    }
}

}  // namespace
}  // namespace tandem::ports
