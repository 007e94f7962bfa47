"""A kernel provisioner for jupyter_client: it starts the process through a Zygote."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from aura_lib.jobs.kernels import Zygote


class ForkProvisioner(LocalProvisioner):
    """Starts the kernel's process through a Zygote instead of `subprocess`."""

    zygote: Zygote
    log_file: Path

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the process; `env` and `cwd` are exactly what it gets."""
        env, cwd = kwargs["env"], Path(kwargs["cwd"])
        process = await asyncio.to_thread(self.zygote.spawn, cmd, env, cwd, self.log_file)
        self.process, self.pid = process, process.pid  # type: ignore[assignment]
        return self.connection_info
