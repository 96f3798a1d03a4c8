"""Where rows of data come from: memory, storage, a dask cluster; blocks of them, and threads."""
