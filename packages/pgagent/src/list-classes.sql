-- Classes of jobs.
select jclid id, jclname name from pgagent.pga_jobclass order by jclid
