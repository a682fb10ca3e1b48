#include "app/config/durable_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace tandem::app {

Result<void> replace_file(const std::string& path, std::string_view text, mode_t mode) {
    const auto failed = [&] {
        return make_error(ErrorCode::Internal, "", path + ": " + std::strerror(errno));
    };
    const std::string fresh = path + ".new";
    const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return failed();
    const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const bool synced = fsync(fd) == 0;
    close(fd);
    if (!written || !synced || rename(fresh.c_str(), path.c_str()) != 0) return failed();
    return {};
}

std::string file_stamp(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return path + "?";
    return path + ' ' + std::to_string(info.st_mtim.tv_sec) + '.' +
           std::to_string(info.st_mtim.tv_nsec) + ' ' + std::to_string(info.st_ino) + ' ';
}

}  // namespace tandem::app
