#include "app/backup/passphrase.h"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>

#include "app/backup/limits.h"

namespace tandem::app {
namespace {

Result<std::string> checked(std::string passphrase) {
    if (passphrase.ends_with('\r')) passphrase.pop_back();
    if (passphrase.size() >= backup_passphrase_bytes_min &&
        passphrase.size() <= backup_passphrase_bytes_max) {
        return passphrase;
    }
    return make_error(ErrorCode::OutOfRange, "", "a passphrase has 8 to 1024 characters");
}

// Shows nothing of what is typed for as long as it lives.
class Hidden {
 public:
    explicit Hidden(int fd) : fd_(fd) {
        if (tcgetattr(fd_, &before_) != 0) return;
        termios quiet = before_;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        is_quiet_ = tcsetattr(fd_, TCSAFLUSH, &quiet) == 0;
    }
    ~Hidden() {
        if (is_quiet_) (void)tcsetattr(fd_, TCSAFLUSH, &before_);
    }
    Hidden(const Hidden&) = delete;
    Hidden& operator=(const Hidden&) = delete;

 private:
    int fd_;
    termios before_{};
    bool is_quiet_ = false;
};

std::string line_of(std::FILE* terminal, const char* prompt) {
    const Hidden hidden(fileno(terminal));
    (void)std::fputs(prompt, terminal);
    (void)std::fflush(terminal);
    std::string line;
    for (int c = std::fgetc(terminal); c != EOF && c != '\n'; c = std::fgetc(terminal)) {
        if (line.size() <= backup_passphrase_bytes_max) line += static_cast<char>(c);
    }
    (void)std::fputs("\n", terminal);
    return line;
}

struct Closer {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

}  // namespace

Result<std::string> passphrase_in(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line) && !file.eof()) {
        return make_error(ErrorCode::NotFound, "", path + ": the passphrase cannot be read");
    }
    return checked(std::move(line));
}

Result<std::string> ask_passphrase(Asking asking) {
    const std::unique_ptr<std::FILE, Closer> terminal(std::fopen("/dev/tty", "r+e"));
    if (!terminal) {
        return make_error(
            ErrorCode::Missing, "passphrase",
            "a passphrase is needed, and there is no terminal to ask at: give --passphrase-file");
    }
    std::string passphrase = TRY(checked(line_of(terminal.get(), "passphrase of the backup: ")));
    if (asking == Asking::Once) return passphrase;
    if (line_of(terminal.get(), "once more: ") == passphrase) return passphrase;
    return make_error(ErrorCode::OutOfRange, "passphrase",
                      "the passphrase was typed differently the second time");
}

}  // namespace tandem::app
