#include "runtime/process/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tandem::runtime {
namespace {

constexpr Duration kPatience = 20s;

class ProcessTest : public testing::Test {
 protected:
    ProcessTest() : directory_(testing::TempDir() + "/process-" + std::to_string(getpid())) {
        std::filesystem::create_directories(directory_);
    }
    ~ProcessTest() override { std::filesystem::remove_all(directory_); }
    ProcessSpec shell(const std::string& script) {
        ProcessSpec spec;
        spec.name = "node-1";
        spec.program = "/bin/sh";
        spec.arguments = {"-c", script};
        spec.output_file = directory_ + "/out";
        spec.stop_max = 100ms;
        return spec;
    }
    std::string output() const {
        std::ifstream file(directory_ + "/out");
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    bool until(const std::function<bool()>& done) { return reactor_.run_until(done, kPatience); }
    void stop(Supervised& process) {
        bool stopped = false;
        process.stop([&] { stopped = true; });
        EXPECT_TRUE(until([&] { return stopped; }));
        EXPECT_EQ(process.state(), Supervised::State::Stopped);
        EXPECT_EQ(process.pid(), 0);
    }

    std::string directory_;
    Reactor reactor_;
};

TEST_F(ProcessTest, StartsAgainWhatEndsAndTellsHow) {
    ProcessSpec spec = shell("echo $GREETING; exit 3");
    spec.environment = {"GREETING=hello"};
    Supervised process(reactor_, directory_, spec);
    std::vector<ProcessEnd> ends;
    process.on_end([&](ProcessEnd end) { ends.push_back(end); });
    ASSERT_TRUE(process.start().has_value());
    ASSERT_TRUE(until([&] { return ends.size() == 3; }));
    EXPECT_EQ(ends[0].exit_code, 3);
    EXPECT_EQ(ends[0].signal, 0);
    EXPECT_GE(process.restarts(), 2u);
    EXPECT_TRUE(output().starts_with("hello\nhello\nhello\n"));
    stop(process);
}

TEST_F(ProcessTest, KillsWhatDoesNotHearTheFirstSignal) {
    Supervised process(reactor_, directory_, shell("trap '' TERM; while :; do sleep 0.05; done"));
    std::optional<ProcessEnd> end;
    process.on_end([&](ProcessEnd how) { end = how; });
    ASSERT_TRUE(process.start().has_value());
    EXPECT_EQ(process.state(), Supervised::State::Running);
    stop(process);
    ASSERT_TRUE(end.has_value());
    EXPECT_TRUE(end->signal == SIGKILL || end->signal == SIGTERM);
}

TEST_F(ProcessTest, AdoptsWhatAnEarlierParentLeft) {
    pid_t pid = 0;
    {
        Supervised first(reactor_, directory_, shell("exec sleep 60"));
        ASSERT_TRUE(first.start().has_value());
        pid = first.pid();
    }
    EXPECT_EQ(kill(pid, 0), 0);
    Supervised second(reactor_, directory_, shell("exec sleep 60"));
    ASSERT_TRUE(second.start().has_value());
    EXPECT_EQ(second.pid(), pid);
    EXPECT_EQ(second.restarts(), 0u);
    stop(second);
    // A pid file of a process that is gone, or of another that got its number, is not believed.
    std::ofstream(directory_ + "/node-1.pid") << getpid() << " 1\n";
    Supervised third(reactor_, directory_, shell("exec sleep 60"));
    ASSERT_TRUE(third.start().has_value());
    EXPECT_NE(third.pid(), getpid());
    stop(third);
}

// Whether a child of ours was stopped and goes on again, told once. Its state could be missed.
bool was_paused(pid_t child) {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(child), &info, WCONTINUED | WNOHANG) == 0 &&
           info.si_code == CLD_CONTINUED;
}

TEST_F(ProcessTest, FindsAllThatRunsAndPausesIt) {
    EXPECT_TRUE(processes_of(directory_ + "/none").empty());
    const auto lock = LockFile::acquire(directory_ + "/" + kLockFile);
    ASSERT_TRUE(lock.has_value());
    Supervised process(reactor_, directory_, shell("exec sleep 60"));
    ASSERT_TRUE(process.start().has_value());
    std::ofstream(directory_ + "/gone.pid") << getpid() << " 1\n";
    EXPECT_EQ(processes_of(directory_), (std::vector<pid_t>{getpid(), process.pid()}));
    ASSERT_TRUE(pause_processes({process.pid()}, 100ms).has_value());
    EXPECT_TRUE(until([&] { return was_paused(process.pid()); }));
    stop(process);
}

TEST_F(ProcessTest, SaysWhatCannotBeStarted) {
    ProcessSpec spec;
    spec.name = "none";
    spec.program = "/nonexistent/program";
    Supervised process(reactor_, directory_, spec);
    EXPECT_EQ(process.start().error().field, "program");
    EXPECT_EQ(process.state(), Supervised::State::Stopped);
}

TEST_F(ProcessTest, OneHolderOfALockFile) {
    const std::string path = directory_ + "/lock";
    {
        const auto first = LockFile::acquire(path);
        ASSERT_TRUE(first.has_value());
        EXPECT_EQ(LockFile::acquire(path).error().code, ErrorCode::Conflict);
    }
    EXPECT_TRUE(LockFile::acquire(path).has_value());
}

}  // namespace
}  // namespace tandem::runtime
