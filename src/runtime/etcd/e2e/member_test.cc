// Members of a cluster as this server supervises them: founded, grown, shrunk, damaged, healed.
#include "runtime/etcd/member.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "runtime/etcd/e2e/test_cluster.h"
#include "runtime/etcd/membership.h"

namespace tandem::runtime {
namespace {

namespace fs = std::filesystem;

class Members : public testing::Test {
 protected:
    ~Members() override {
        for (auto& [name, member] : members) stop(*member);
    }
    EtcdServer& server(const std::string& name) {
        const auto [it, is_new] = servers.try_emplace(name, EtcdServer{name, {}, {}, {}});
        if (is_new) {
            it->second.peer_address = free_address();
            client_addresses[name] = free_address();
        }
        return it->second;
    }
    EtcdMemberSpec spec(const std::string& name, std::vector<EtcdPeer> peers) {
        EtcdMemberSpec spec;
        spec.name = name;
        spec.data_directory = folder.file(name);
        spec.peer_address = server(name).peer_address;
        spec.client_address = client_addresses[name];
        spec.members = std::move(peers);
        spec.cluster_token = folder.path();
        return spec;
    }
    EtcdMember& found(const std::string& name) {
        members[name] = std::make_unique<EtcdMember>(
            reactor, folder.path(), spec(name, {{name, server(name).peer_address}}));
        const auto started = members[name]->start();
        EXPECT_TRUE(started) << started.error().message;
        return *members[name];
    }
    void join(const std::string& name, std::vector<EtcdPeer> peers) {
        EtcdMemberSpec joining = spec(name, std::move(peers));
        joining.begin = EtcdMemberSpec::Begin::Join;
        members[name] = std::make_unique<EtcdMember>(reactor, folder.path(), joining);
        const auto started = members[name]->start();
        EXPECT_TRUE(started) << started.error().message;
    }
    void stop(EtcdMember& member) {
        bool stopped = false;
        member.stop([&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }));
    }
    bool until(const std::function<bool()>& done) { return reactor.run_until(done, test_patience); }
    bool serves(const std::string& name) {
        return until([&] { return members[name]->state() == EtcdMemberState::Serving; });
    }
    // Takes steps until it is as wished; starts the members that are to join. The steps taken.
    std::string approach(const std::vector<std::string>& wished) {
        auto membership = EtcdMembership::open(reactor, options().endpoints, {}, {});
        EXPECT_TRUE(membership);
        std::string steps;
        bool done = false;
        for (int round = 0; round < 300 && !done; ++round) {
            std::optional<Result<EtcdMembership::Progress>> progress;
            std::vector<EtcdServer> list;
            for (const std::string& name : wished) list.push_back(server(name));
            (*membership)->approach(list, [&](Result<EtcdMembership::Progress> answer) {
                progress.emplace(std::move(answer));
            });
            EXPECT_TRUE(until([&] { return progress.has_value(); }));
            if (*progress) done = take(**progress, steps);
            reactor.run_until([] { return false; }, 50ms);
        }
        return done ? steps : steps + "... not done: " + last_wait;
    }
    bool take(const EtcdMembership::Progress& progress, std::string& steps) {
        const MemberStep& step = progress.step;
        switch (step.kind) {
            case MemberStep::Kind::Done:
                return true;
            case MemberStep::Kind::Wait:
                last_wait = step.reason;
                return false;
            case MemberStep::Kind::AddLearner:
                steps += "add " + step.name + " ";
                join(step.name, progress.members);
                return false;
            case MemberStep::Kind::Promote:
                steps += "promote " + step.name + " ";
                return false;
            case MemberStep::Kind::Remove:
                steps += "remove " + step.name + " ";
                server(step.name).data = PlanServer::Data::Kept;
                return false;
            case MemberStep::Kind::Update:
                steps += "update " + step.name + " ";
                return false;
            case MemberStep::Kind::MoveLeader:
                steps += "lead ";
                return false;
        }
        return false;
    }
    EtcdOptions options() const {
        EtcdOptions options;
        for (const auto& [name, address] : client_addresses) options.endpoints.push_back(address);
        return options;
    }

    Reactor reactor;
    TestFolder folder;
    std::map<std::string, EtcdServer> servers;
    std::map<std::string, std::string> client_addresses;
    std::map<std::string, std::unique_ptr<EtcdMember>> members;
    std::string last_wait;
};

TEST_F(Members, GrowToThreeAndBackWhileDataStay) {
    found("a");
    ASSERT_TRUE(serves("a"));
    EXPECT_TRUE(members["a"]->status().version.starts_with("3."));
    server("b");
    server("c");
    TestStore store(reactor, options());
    ASSERT_TRUE(store.put("k", "1"));
    EXPECT_EQ(approach({"a", "b"}), "") << "two servers have one voter";
    EXPECT_EQ(approach({"a", "b", "c"}), "add b promote b add c promote c ");
    ASSERT_TRUE(serves("c"));
    EXPECT_EQ(store.value("k"), "1");
    EXPECT_TRUE(until([&] { return store.put("k", "2").has_value(); }));
    // The first one leaves for good, after another leads. The answer to its removal can get lost.
    const std::string steps = approach({"b", "c"});
    EXPECT_TRUE(steps.starts_with("remove ") || steps.starts_with("lead remove ")) << steps;
    EXPECT_TRUE(until([&] { return store.value("k") == "2"; }));
    EXPECT_TRUE(until([&] { return members["a"]->state() == EtcdMemberState::Removed; }));
    EXPECT_NE(members["a"]->problem().find("removed"), std::string::npos);
}

TEST_F(Members, OneThatIsGoneForGoodIsReplaced) {
    found("a");
    ASSERT_TRUE(serves("a"));
    for (const char* name : {"b", "c", "d"}) server(name);
    TestStore store(reactor, options());
    EXPECT_EQ(approach({"a", "b", "c"}), "add b promote b add c promote c ");
    ASSERT_TRUE(store.put("k", "1"));
    stop(*members["c"]);
    server("c").health = Health::Down;
    EXPECT_EQ(approach({"a", "b", "d"}), "remove c add d promote d ");
    EXPECT_EQ(store.value("k"), "1");
}

TEST_F(Members, ADamagedOneSaysSoAndIsHealed) {
    found("a");
    ASSERT_TRUE(serves("a"));
    for (const char* name : {"b", "c"}) server(name);
    TestStore store(reactor, options());
    ASSERT_EQ(approach({"a", "b", "c"}), "add b promote b add c promote c ");
    ASSERT_TRUE(store.put("k", "1"));
    ASSERT_TRUE(serves("b"));
    ASSERT_EQ(::kill(members["b"]->pid(), SIGSTOP), 0);
    for (const auto& file : fs::directory_iterator(folder.file("b/member/wal"))) {
        if (file.path().extension() != ".wal") continue;
        std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(300);
        bytes << "not what was written";
    }
    ASSERT_EQ(::kill(members["b"]->pid(), SIGKILL), 0);
    ASSERT_TRUE(until([&] { return members["b"]->state() == EtcdMemberState::Damaged; }));
    EXPECT_NE(members["b"]->problem().find("are damaged: remove the member"), std::string::npos)
        << members["b"]->problem();
    EXPECT_EQ(members["b"]->pid(), 0) << "it is not started again and again";
    // Healing: data aside, out, and in again under the same name and addresses.
    const auto aside = members["b"]->lay_data_aside();
    ASSERT_TRUE(aside);
    EXPECT_TRUE(fs::exists(*aside));
    server("b").data = PlanServer::Data::Lost;
    EXPECT_EQ(approach({"a", "b", "c"}), "remove b add b promote b ");
    ASSERT_TRUE(serves("b"));
    EXPECT_EQ(store.value("k"), "1");
}

TEST_F(Members, LostDataAreNotFoundedAnew) {
    found("a");
    ASSERT_TRUE(serves("a"));
    stop(*members["a"]);
    fs::remove_all(folder.file("a") + "/member/wal");
    auto again = EtcdMember(reactor, folder.path(), spec("a", {{"a", server("a").peer_address}}));
    const auto started = again.start();
    ASSERT_FALSE(started) << "etcd would begin with an empty store";
    EXPECT_EQ(started.error().code, ErrorCode::Conflict);
    EXPECT_EQ(again.state(), EtcdMemberState::Damaged);
    fs::remove_all(folder.file("a"));
    EXPECT_FALSE(again.start()) << "the whole directory is gone";
    EXPECT_FALSE(again.lay_data_aside());
    EXPECT_TRUE(again.start()) << "that was the operator's word";
    bool stopped = false;
    again.stop([&] { stopped = true; });
    EXPECT_TRUE(until([&] { return stopped; }));
}

TEST_F(Members, OneThatDiesIsStartedAgainAndAdopted) {
    EtcdMember& member = found("a");
    ASSERT_TRUE(serves("a"));
    const int first = member.pid();
    ASSERT_EQ(::kill(first, SIGKILL), 0);
    ASSERT_TRUE(until([&] { return member.pid() != 0 && member.pid() != first; }));
    ASSERT_TRUE(serves("a"));
    const int second = member.pid();
    ASSERT_EQ(::kill(second, SIGSTOP), 0);
    EXPECT_TRUE(until([&] { return member.state() == EtcdMemberState::Silent; }));
    ASSERT_EQ(::kill(second, SIGCONT), 0);
    EXPECT_TRUE(serves("a"));
    members.clear();
    EXPECT_EQ(::kill(second, 0), 0) << "it outlives its supervision";
    EXPECT_EQ(found("a").pid(), second);
    EXPECT_TRUE(serves("a"));
}

TEST_F(Members, AnotherProgramIsRefused) {
    EtcdMemberSpec wrong = spec("a", {{"a", server("a").peer_address}});
    for (const char* program : {"/nowhere/etcd", "/bin/true"}) {
        wrong.program = program;
        EtcdMember member(reactor, folder.path(), wrong);
        EXPECT_FALSE(member.start()) << program;
    }
    wrong.program = folder.file("old");
    std::ofstream(wrong.program) << "#!/bin/sh\necho 'etcd Version: 3.3.25'\n";
    fs::permissions(wrong.program, fs::perms::owner_all);
    EtcdMember member(reactor, folder.path(), wrong);
    const auto started = member.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().message, "etcd 3.3.25 is installed; 3.4 or a later 3 is needed");
}

TEST_F(Members, ATakenAddressIsNamed) {
    found("a");
    ASSERT_TRUE(serves("a"));
    EtcdMemberSpec second = spec("z", {{"z", server("z").peer_address}});
    second.client_address = client_addresses["a"];
    // Its supervision would take the other's answers for its own; the log says what is wrong.
    EtcdMember member(reactor, folder.path(), second);
    ASSERT_TRUE(member.start());
    EXPECT_TRUE(until([&] {
        return member.problem().find("address already in use") != std::string::npos;
    })) << member.problem();
    bool stopped = false;
    member.stop([&] { stopped = true; });
    EXPECT_TRUE(until([&] { return stopped; }));
}

TEST_F(Members, ASnapshotIsWhatEtcdRestores) {
    found("a");
    ASSERT_TRUE(serves("a"));
    TestStore store(reactor, options());
    ASSERT_TRUE(store.put("k", std::string(100'000, 'x')));
    auto admin = EtcdAdmin::open(reactor, options().endpoints, {});
    ASSERT_TRUE(admin);
    std::optional<Result<uint64_t>> bytes;
    (*admin)->snapshot(0, folder.file("snapshot.db"),
                       [&](Result<uint64_t> result) { bytes.emplace(std::move(result)); });
    ASSERT_TRUE(until([&] { return bytes.has_value(); }));
    ASSERT_TRUE(*bytes) << bytes->error().message;
    EXPECT_GT(**bytes, 100'000u);
    EXPECT_EQ(fs::file_size(folder.file("snapshot.db")), **bytes);
    EXPECT_EQ(**bytes % 512, 32u) << "pages, and the checksum that etcd's tools look for";
    std::optional<Result<bool>> defragmented;
    members["a"]->defragment_if_wasteful(
        [&](Result<bool> done) { defragmented.emplace(std::move(done)); });
    ASSERT_TRUE(until([&] { return defragmented.has_value(); }));
    ASSERT_TRUE(*defragmented);
    EXPECT_FALSE(**defragmented) << "nothing is wasted yet";
    std::optional<Result<void>> rewritten;
    (*admin)->defragment(0, [&](Result<void> done) { rewritten.emplace(std::move(done)); });
    ASSERT_TRUE(until([&] { return rewritten.has_value(); }));
    EXPECT_TRUE(*rewritten);
    EXPECT_EQ(store.value("k").size(), 100'000u);
}

}  // namespace
}  // namespace tandem::runtime
