#include "store/persistent_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/rng.h"

namespace tandem::store {
namespace {

int live_records = 0;

struct Word final : Counted {
    explicit Word(std::string text) : name(std::move(text)) { ++live_records; }
    ~Word() { --live_records; }
    std::string name;
    int version = 0;
};
void release(const Word* word) {
    delete word;
}

struct Keying {
    static std::string_view key(const Word& word) { return word.name; }
};
using Tree = PersistentTree<Word, Keying>;
using Model = std::map<std::string, int>;

void expect_same(const Tree& tree, const Model& model) {
    ASSERT_EQ(tree.size(), model.size());
    auto expected = model.begin();
    tree.visit([&](const Word& word) {
        EXPECT_EQ(word.name, expected->first);
        EXPECT_EQ(word.version, expected->second);
        ++expected;
        return true;
    });
    EXPECT_EQ(expected, model.end());
}

// Keys that share their first 8 bytes, and keys that don't.
std::string random_key(Rng& rng) {
    const uint64_t number = rng.below(700);
    return (number % 2 == 0 ? "subscriber" : "") + std::to_string(number);
}

TEST(PersistentTree, BehavesAsAMapAndKeepsItsVersions) {
    SeededRng rng(7);
    {
        Tree tree;
        Model model;
        std::vector<std::pair<Tree, Model>> versions;
        for (int step = 1; step <= 6000; ++step) {
            const std::string key = random_key(rng);
            if (rng.below(100) < (step < 3000 ? 70u : 35u)) {
                auto* word = new Word(key);
                word->version = step;
                tree.put(word);
                model[key] = step;
            } else {
                tree.erase(key);
                model.erase(key);
            }
            if (step % 500 == 0) versions.emplace_back(tree, model);
            const Word* found = tree.find(key);
            ASSERT_EQ(found != nullptr, model.contains(key));
        }
        ASSERT_EQ(versions.size(), 12u);
        for (const auto& [old_tree, old_model] : versions) expect_same(old_tree, old_model);
        expect_same(tree, model);
    }
    EXPECT_EQ(live_records, 0) << "every record is freed with its last version";
}

TEST(PersistentTree, VisitsAfterAKeyAndStops) {
    Tree tree;
    for (int i = 100; i < 400; ++i) tree.put(new Word(std::to_string(i)));
    std::string seen;
    tree.visit_after("198", [&](const Word& word) {
        seen += word.name + " ";
        return word.name != "202";
    });
    EXPECT_EQ(seen, "199 200 201 202 ");
    int count = 0;
    tree.visit_after("399", [&](const Word&) { return ++count > 0; });
    EXPECT_EQ(count, 0);
    tree.visit_after("", [&](const Word&) { return ++count > 0; });
    EXPECT_EQ(count, 300);
}

}  // namespace
}  // namespace tandem::store
