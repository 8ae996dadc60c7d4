"""Where MySQL or MariaDB runs: on this machine, at a managed provider, or somewhere else."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

from poolsize import host
from poolsize.probe.hosted import provider_by_host
from poolsize.probe.mysql_connect import Connector
from poolsize.probe.mysql_facts import Reader

AURORA: Final = "aurora-mysql"
_AMAZON: Final = {"mysql": "rds-mysql", "mariadb": "rds-mariadb"}
_AMAZONS_FOLDER: Final = "/rdsdbbin/"
"""Where Amazon RDS has its servers (phpMyAdmin knows it by the same sign, DatabaseInterface::isAmazonRds); Aurora's is
below it, and has a variable that no other server has (AWS Advanced JDBC Wrapper, AuroraMysqlDialect)."""


def is_local(connector: Connector, server_hostname: str) -> bool:
    """A Unix socket, or a loopback address behind which the server has this machine's name: a tunnel or a
    container has another."""
    if connector.unix_socket:
        return True
    try:
        loopback = connector.host == "localhost" or ipaddress.ip_address(connector.host).is_loopback
    except ValueError:
        loopback = False
    return loopback and server_hostname == socket.gethostname()


def processors(reader: Reader, dialect: str, *, local: bool) -> int | None:
    """This machine's when the server runs here. MariaDB sets thread_pool_size to its processors at start, which
    an administrator rarely changes unless the pool is in use."""
    if local:
        return host.processors()
    size = reader.number("thread_pool_size")
    return int(size) if dialect == "mariadb" and size else None


def provider(reader: Reader, dialect: str, name: str) -> str | None:
    """A key of the providers' registry, by what only their servers have, else by the host's name."""
    folder = reader.variables.get("basedir", "")
    if "aurora_version" in reader.variables:
        return AURORA
    return _AMAZON.get(dialect) if folder.startswith(_AMAZONS_FOLDER) else provider_by_host(name, dialect)
