# What the kernel offers: the system calls of the data plane, and the little of Python's library that the core uses.

from collections import deque
from os import fstat
from os import strerror as os_strerror
from stat import S_ISREG
from ssl import MemoryBIO, SSLWantReadError, SSLZeroReturnError
from time import gmtime, strftime

cdef extern from "sys/epoll.h" nogil:
    enum:
        EPOLL_CLOEXEC
        EPOLL_CTL_ADD
        EPOLL_CTL_MOD
        EPOLL_CTL_DEL
        EPOLLIN
        EPOLLOUT
        EPOLLERR
        EPOLLHUP
        EPOLLRDHUP
        EPOLLET
    ctypedef union epoll_data_t:
        void *ptr
    struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epfd, int op, int fd, epoll_event *event)
    int epoll_wait(int epfd, epoll_event *events, int count, int timeout)

cdef extern from "sys/timerfd.h" nogil:
    enum:
        TFD_CLOEXEC
        TFD_NONBLOCK
    struct itimerspec:
        timespec it_interval
        timespec it_value
    int timerfd_create(int clock, int flags)
    int timerfd_settime(int fd, int flags, const itimerspec *new, itimerspec *old)

cdef extern from "sys/socket.h" nogil:
    enum:
        AF_INET
        AF_INET6
        SOCK_STREAM
        SOCK_NONBLOCK
        SOCK_CLOEXEC
        SOL_SOCKET
        SO_ERROR
        SO_LINGER
        MSG_NOSIGNAL
        MSG_DONTWAIT
        SHUT_WR
    struct sockaddr:
        unsigned short sa_family
    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
    struct linger_option "linger":
        int l_onoff
        int l_linger
    int socket(int family, int kind, int protocol)
    int connect(int fd, const sockaddr *address, unsigned int n)
    int accept4(int fd, sockaddr *address, unsigned int *n, int flags)
    ssize_t recv(int fd, void *p, size_t n, int flags)
    ssize_t send(int fd, const void *p, size_t n, int flags)
    ssize_t sendmsg(int fd, const msghdr *message, int flags)
    int shutdown(int fd, int how)
    int getsockopt(int fd, int level, int name, void *value, unsigned int *n)
    int setsockopt(int fd, int level, int name, const void *value, unsigned int n)

cdef extern from "netinet/in.h" nogil:
    enum:
        IPPROTO_TCP
    struct in_addr:
        uint32_t s_addr
    struct sockaddr_in:
        unsigned short sin_family
        unsigned short sin_port
        in_addr sin_addr
    struct in6_addr:
        uint8_t s6_addr[16]
    struct sockaddr_in6:
        unsigned short sin6_family
        unsigned short sin6_port
        in6_addr sin6_addr
    struct sockaddr_storage:
        unsigned short ss_family
    unsigned short htons(unsigned short value)

cdef extern from "netinet/tcp.h" nogil:
    enum:
        TCP_NODELAY

cdef extern from "unistd.h" nogil:
    int c_close "close"(int fd)
    ssize_t c_read "read"(int fd, void *p, size_t n)
    ssize_t c_write "write"(int fd, const void *p, size_t n)

cdef extern from "poll.h" nogil:
    enum:
        POLLOUT
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long n, int timeout)


cdef inline int64_t monotonic_ns() noexcept:
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <int64_t>t.tv_sec * 1000000000 + t.tv_nsec


cdef inline int64_t monotonic_us() noexcept:
    cdef timespec t
    clock_gettime(CLOCK_MONOTONIC, &t)
    return <int64_t>t.tv_sec * 1000000 + t.tv_nsec // 1000


cdef inline int64_t wall_clock_us() noexcept:
    cdef timespec t
    clock_gettime(CLOCK_REALTIME, &t)
    return <int64_t>t.tv_sec * 1000000 + t.tv_nsec // 1000


cdef inline uint64_t who_of(sockaddr_storage *address) noexcept:
    """Return a number for whoever has an address: all of it of IPv4, the network (/64) of IPv6; 0 of a Unix socket."""
    cdef const uint8_t *octets
    cdef uint64_t number = 0
    cdef int i, first = 0, end = 8
    if address.ss_family == AF_INET:
        octets = <const uint8_t *>&(<sockaddr_in *>address).sin_addr
        end = 4
    elif address.ss_family == AF_INET6:
        octets = (<sockaddr_in6 *>address).sin6_addr.s6_addr
        if memcmp(octets, b"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0:
            first = 12
            end = 16
    else:
        return 0
    for i in range(first, end):
        number = number << 8 | octets[i]
    return number


cdef inline bint is_loopback(sockaddr_storage *address) noexcept:
    cdef sockaddr_in *v4 = <sockaddr_in *>address
    cdef sockaddr_in6 *v6 = <sockaddr_in6 *>address
    cdef const uint8_t *octets
    if address.ss_family == AF_INET:
        octets = <const uint8_t *>&v4.sin_addr
        return octets[0] == 127
    if address.ss_family == AF_INET6:
        octets = v6.sin6_addr.s6_addr
        if memcmp(octets, b"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0:
            return octets[12] == 127
        return memcmp(octets, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16) == 0
    return True  # a Unix socket
